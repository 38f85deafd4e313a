"""Moments in time as JSON has them: texts of RFC 3339, and numbers since 1970.

Each is read in full or not at all: nothing is rounded, and a text without an offset is no moment.
"""

import datetime
import re

PRECISION = {"timestamp-millis": 3, "timestamp-micros": 6}
"""The logical types of Avro, with the digits of a second that they hold."""

EPOCH_UNITS = {"seconds": 1_000_000, "milliseconds": 1000, "microseconds": 1}
"""What numbers since 1970 may count, in microseconds."""

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
_RFC_3339 = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,18}))?"
    r"(?:[Zz]|([+-])([0-9]{2}):([0-5][0-9]))"
)


def parse_timestamp(text: str, digits: int) -> datetime.datetime | None:
    """Read a text of RFC 3339 (https://www.rfc-editor.org/rfc/rfc3339) as a moment in UTC.

    None for a text of another form, or with more than so many digits of a second.
    """
    found = _RFC_3339.fullmatch(text)
    if found is None:
        return None
    date, time, fraction, sign, hours, minutes = found.groups()
    fraction = (fraction or "").rstrip("0")
    if len(fraction) > digits or int(hours or 0) > 23:
        return None
    offset = datetime.timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    try:
        local = datetime.datetime.fromisoformat(f"{date}T{time}.{fraction:0<6}+00:00")
        return local + offset if sign == "-" else local - offset
    except (ValueError, OverflowError):
        return None


def from_epoch(number: int, unit: int, digits: int) -> datetime.datetime | None:
    """Read a number of units since 1970, each of so many microseconds, as a moment in UTC.

    None for one with more than so many digits of a second, or beyond the years that there are.
    """
    if number * unit % 10 ** (6 - digits):
        return None
    try:
        return _EPOCH + datetime.timedelta(microseconds=number * unit)
    except OverflowError:
        return None
