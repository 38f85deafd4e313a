"""Days as texts, `YYYY-MM-DD`: the names of partitions, and what rows hold."""

import datetime


def parse_day(text: str) -> datetime.date | None:
    """Read a day; None for a text of any other form.

    From Python 3.11 on, `fromisoformat` takes other forms as well, such as 20220809.
    """
    try:
        day = datetime.date.fromisoformat(text)
    except ValueError:
        return None
    return day if day.isoformat() == text else None


def is_day(text: str) -> bool:
    """Tell whether a text is a day."""
    return parse_day(text) is not None
