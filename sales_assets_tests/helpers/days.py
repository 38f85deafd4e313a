"""Days, as partitions are named."""

import datetime


def days_from(first: str, count: int = 30) -> list[str]:
    """Give so many days in a row; a month's unless told."""
    day = datetime.date.fromisoformat(first)
    return [f"{day + datetime.timedelta(n)}" for n in range(count)]
