"""An asset of days that is checked, and found wrong on one of them."""

from typing import Any

import dagster as dg

from sales_assets.feed.daily import knowingly
from sales_assets.storage.evaluation import Finding, daily_check
from sales_assets.storage.io_manager import PartitionDirectoryIOManager
from sales_assets.storage.json_pages import JsonPages
from sales_assets_tests.helpers.materialize import range_tags

FIRST, WRONG, LAST = "2022-08-09", "2022-08-10", "2022-08-13"
STATUSES = ["SUCCEEDED", "FAILED", "SUCCEEDED", "SUCCEEDED", "SUCCEEDED"]
"""What becomes of the check, by day."""
EMPTY = {"empty": PartitionDirectoryIOManager("memory://empty", JsonPages())}
"""A storage in which nothing is stored."""

with knowingly():

    @dg.asset(
        partitions_def=dg.DailyPartitionsDefinition(FIRST),
        backfill_policy=dg.BackfillPolicy.single_run(),
        io_manager_key="empty",
    )
    def things() -> None:
        """Something of a day."""


things_are_right = daily_check(
    things,
    lambda _, day: Finding("bad" * (day == WRONG), {"rows": 3}),
    name="are_right",
    description="One of the days is wrong.",
)


def check_days(instance: dg.DagsterInstance) -> list[Any]:
    """Make the days and check them; give the events of the run."""
    result = dg.materialize(
        [things, things_are_right],
        resources=EMPTY,
        instance=instance,
        tags=range_tags(FIRST, LAST),
    )
    return list(instance.all_logs(result.run_id))


def is_evaluation(event: Any) -> bool:
    """Tell whether an event says what a check has found."""
    return bool(event.dagster_event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION)
