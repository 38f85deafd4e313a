"""Settings: environment variables, among which Dagster loads `.env`; an empty one is not set."""

import datetime
import os


class InvalidSettingError(ValueError):
    """An environment variable holds something that it cannot."""

    def __init__(self, name: str, value: str, expected: str) -> None:
        """Name the variable, its value and what it should be."""
        super().__init__(
            f"{name} is {value!r}, which is not {expected}: set it to that, or unset it"
        )


def text(name: str, default: str) -> str:
    """Read a setting as it is."""
    return os.environ.get(name) or default


def day(name: str, default: str) -> str:
    """Read a day.

    Raises:
        InvalidSettingError: It is not `YYYY-MM-DD`.
    """
    value = text(name, default)
    try:
        parsed = datetime.date.fromisoformat(value)
    except ValueError:
        parsed = None
    # From Python 3.11 on, fromisoformat also takes 20220809 and 2022-W32-2.
    if parsed is None or parsed.isoformat() != value:
        raise InvalidSettingError(name, value, "a day of the form 2022-08-09")
    return value


def whole_number(name: str, default: int, least: int, most: int) -> int:
    """Read a whole number.

    Raises:
        InvalidSettingError: It is none, or not from `least` to `most`.
    """
    value = text(name, str(default))
    if not value.isdecimal() or not least <= int(value) <= most:
        raise InvalidSettingError(name, value, f"a whole number from {least} to {most}")
    return int(value)
