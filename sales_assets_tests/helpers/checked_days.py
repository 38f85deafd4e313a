"""An asset of days that is checked, and found wrong on one of them."""

from typing import Any

import dagster as dg

from sales_assets.feed.daily import knowingly
from sales_assets.feed.stream import PagesByDay
from sales_assets.storage.evaluation import Finding, daily_check
from sales_assets.storage.io_manager import PartitionDirectoryIOManager
from sales_assets.storage.json_pages import JsonPages
from sales_assets_tests.helpers.materialize import range_tags
from sales_assets_tests.helpers.streams import stream_of

FIRST, WRONG, LAST = "2022-08-09", "2022-08-10", "2022-08-13"
STATUSES = ["SUCCEEDED", "FAILED", "SUCCEEDED", "SUCCEEDED", "SUCCEEDED"]
"""What becomes of the check, by day."""
PAGES = {"pages": PartitionDirectoryIOManager("memory://checked", JsonPages())}
"""Where the days are stored."""

with knowingly():

    @dg.asset(
        partitions_def=dg.DailyPartitionsDefinition(FIRST),
        backfill_policy=dg.BackfillPolicy.single_run(),
        io_manager_key="pages",
    )
    def things(context: dg.AssetExecutionContext) -> PagesByDay:
        """A page of each day."""
        pages = {
            day: stream_of([b"[]"], {"dagster/row_count": 0}) for day in context.partition_keys
        }
        return PagesByDay(pages)


things_are_right = daily_check(
    things,
    lambda _, day: Finding("bad" * (day == WRONG), {"rows": 3}),
    name="are_right",
    description="One of the days is wrong.",
)


def judge_days(
    check: dg.AssetChecksDefinition,
    instance: dg.DagsterInstance | None = None,
    last: str = LAST,
) -> dg.ExecuteInProcessResult:
    """Make the days and check them."""
    return dg.materialize(
        [things, check],
        resources=PAGES,
        instance=instance,
        tags=range_tags(FIRST, last),
        raise_on_error=False,
    )


def check_days(instance: dg.DagsterInstance) -> list[Any]:
    """Make the days and check them; give the events of the run."""
    return list(instance.all_logs(judge_days(things_are_right, instance).run_id))


def is_evaluation(event: Any) -> bool:
    """Tell whether an event says what a check has found."""
    return bool(event.dagster_event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION)
