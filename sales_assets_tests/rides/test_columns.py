"""Records as tables in Dagster."""

import math

import pytest

from sales_assets.rides.columns import column_schema, short, table
from sales_assets.rides.ride import Ride


def test_a_column_has_the_description_of_its_field() -> None:
    first, *_, price = column_schema(Ride).columns
    assert (first.name, first.type, first.description) == ("ride_uuid", "TEXT", "Key of the ride.")
    assert (price.name, price.type) == ("price", "REAL")
    assert [c.constraints.unique for c in (first, price)] == [True, False]


def test_rows_become_records() -> None:
    shown = table(column_schema(Ride), [{"ride_uuid": "r1", "price": None}])
    assert [record.data for record in shown.records] == [{"ride_uuid": "r1", "price": None}]


@pytest.mark.parametrize(
    ("value", "shown"), [(1.5, 1.5), (None, None), ("x" * 80, "x" * 80), (-math.inf, "-inf")]
)
def test_a_value_stays_what_it_is_where_it_can(value: object, shown: object) -> None:
    assert short(value) == shown


def test_a_long_text_is_cut() -> None:
    assert short("x" * 99_999) == "x" * 77 + "..."


def test_a_text_that_is_a_secret_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTH_TOKEN", "made-up-word")
    assert short("driver made-up-word") == "driver ***"
