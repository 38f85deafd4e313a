"""Moments in time as JSON has them: texts of RFC 3339, and numbers since 1970.

Nothing is rounded, and a text without an offset is rejected.
"""

import datetime
import re

PRECISION = {"timestamp-millis": 3, "timestamp-micros": 6}
"""Avro's logical types, with their number of fractional digits of a second."""

EPOCH_UNITS = {"seconds": 1_000_000, "milliseconds": 1000, "microseconds": 1}
"""Units of numbers since 1970, in microseconds."""

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
_RFC_3339 = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]((?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,18}))?"
    r"(?:[Zz]|([+-][0-9]{2}:[0-5][0-9]))"
)


def parse_timestamp(text: str, digits: int) -> datetime.datetime | None:
    """Parse an RFC 3339 timestamp (https://www.rfc-editor.org/rfc/rfc3339) into UTC.

    Return None for any other format, or more than `digits` fractional digits of a second.
    """
    found = _RFC_3339.fullmatch(text)
    if found is None:
        return None
    date, time, fraction, offset = found.groups(default="")
    fraction = fraction.rstrip("0")
    if len(fraction) > digits:
        return None
    try:
        local = datetime.datetime.fromisoformat(f"{date}T{time}.{fraction:0<6}{offset or '+00:00'}")
        return local.astimezone(datetime.timezone.utc)
    except (ValueError, OverflowError):
        return None


def from_epoch(number: int, unit: int, digits: int) -> datetime.datetime | None:
    """Convert a number of units since 1970, each `unit` microseconds long, to UTC.

    Return None for more than `digits` fractional digits of a second, or outside datetime's range.
    """
    if number * unit % 10 ** (6 - digits):
        return None
    try:
        return _EPOCH + datetime.timedelta(microseconds=number * unit)
    except OverflowError:
        return None
