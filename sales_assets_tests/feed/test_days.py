"""Days as text."""

import click
import dagster as dg
import pytest

from sales_assets.feed.days import DailyPartitions


@pytest.mark.parametrize("key", ["2022-8-9", "2022-08-08", "2099-01-01"])
def test_a_partition_that_does_not_exist_is_refused_and_those_that_do_are_named(key: str) -> None:
    days = DailyPartitions("2022-08-09", end_date="2022-08-12")
    with dg.partition_loading_context() as context:
        days.validate_partition_key("2022-08-11", context)
        with pytest.raises(click.ClickException, match="valid days are 2022-08-09 to 2022-08-11"):
            days.validate_partition_key(key, context)
