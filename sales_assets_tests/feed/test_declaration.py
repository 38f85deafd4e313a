"""What a feed declares fits together, or is refused with what is missing."""

from dataclasses import replace
from typing import Any

import dagster as dg
import pytest

from sales_assets.rides.assets import driver_statistics
from sales_assets.rides.checks import distances_are_plausible
from sales_assets.sales import FEED


@dg.asset(partitions_def=dg.DailyPartitionsDefinition("2022-08-09"))
def stg_sales() -> None: ...


@pytest.mark.parametrize(
    ("change", "missing"),
    [
        ({"raw": driver_statistics}, "expected: the raw asset is named raw_NAME"),
        ({"stg": driver_statistics}, "feed sales: expected: the stg asset is named stg_sales"),
        ({"stg": stg_sales}, "feed sales: expected: the stg asset depends on the raw asset"),
        ({"checks": [distances_are_plausible]}, "feed sales: expected: all checks are on"),
    ],
)
def test_what_does_not_fit_is_named_with_its_feed(change: dict[str, Any], missing: str) -> None:
    with pytest.raises(ValueError, match=missing):
        replace(FEED, **change)
