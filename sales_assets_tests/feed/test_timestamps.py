"""Moments in time as JSON has them."""

import datetime

import pytest

from sales_assets.feed.timestamps import from_epoch, parse_timestamp

NOON = datetime.datetime(2022, 8, 9, 12, tzinfo=datetime.timezone.utc)


@pytest.mark.parametrize(
    ("text", "later"),
    [
        ("2022-08-09T12:00:00Z", 0),
        ("2022-08-09t12:00:00z", 0),
        ("2022-08-09 12:00:00Z", 0),
        ("2022-08-09T14:00:00+02:00", 0),
        ("2022-08-09T06:30:00-05:30", 0),
        ("2022-08-10T00:00:00+12:00", 0),
        ("2022-08-09T12:00:00-00:00", 0),
        ("2022-08-09T12:00:00.5Z", 500_000),
        ("2022-08-09T12:00:00.000001Z", 1),
        ("2022-08-09T12:00:00.000001000Z", 1),
    ],
)
def test_a_text_of_rfc_3339_is_a_moment(text: str, later: int) -> None:
    assert parse_timestamp(text, digits=6) == NOON + datetime.timedelta(microseconds=later)


@pytest.mark.parametrize(
    "text",
    [
        "2022-08-09T12:00:00",
        "2022-08-09",
        "2022-08-09T12:00Z",
        "2022-08-09T12:00:00.Z",
        "2022-08-09T12:00:00+0200",
        "2022-08-09T12:00:00+02",
        "2022-08-09T12:00:00+24:00",
        "2022-08-09T12:00:00+02:60",
        "2022-08-09T24:00:00Z",
        "2022-08-09T12:00:60Z",
        "2022-02-30T12:00:00Z",
        "20220809T120000Z",
        "2022-W32-2T12:00:00Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "2022-08-09T12:00:00.0000001Z",
        " 2022-08-09T12:00:00Z",
        "2022-08-09T12:00:00Z\n",
        "1660046400",
        "\u0662022-08-09T12:00:00Z",
        "",
    ],
)
def test_any_other_text_is_none(text: str) -> None:
    assert parse_timestamp(text, digits=6) is None


def test_nothing_is_rounded() -> None:
    assert parse_timestamp("2022-08-09T12:00:00.123Z", digits=3) is not None
    assert parse_timestamp("2022-08-09T12:00:00.1234Z", digits=3) is None
    assert from_epoch(1_660_046_400_000_001, unit=1, digits=3) is None


@pytest.mark.parametrize(
    ("number", "unit"),
    [(1_660_046_400, 1_000_000), (1_660_046_400_000, 1000), (1_660_046_400_000_000, 1)],
)
def test_a_number_since_1970_is_a_moment(number: int, unit: int) -> None:
    assert from_epoch(number, unit, digits=3) == NOON


def test_a_number_may_be_before_1970_and_not_beyond_the_calendar() -> None:
    before = from_epoch(-1, 1_000_000, digits=3)
    assert before == datetime.datetime(1969, 12, 31, 23, 59, 59, tzinfo=datetime.timezone.utc)
    assert [from_epoch(n, 1_000_000, digits=3) for n in (2**63 - 1, -(2**63))] == [None, None]
