"""An asset of days that is checked, and found wrong on one of them."""

from typing import Any

import dagster as dg

from sales_assets.feed.daily import knowingly
from sales_assets.storage.evaluation import Evaluations, Finding, daily_check, evaluate
from sales_assets_tests.helpers.materialize import range_tags

FIRST, WRONG, LAST = "2022-08-09", "2022-08-10", "2022-08-13"
STATUSES = ["SUCCEEDED", "FAILED", "SUCCEEDED", "SUCCEEDED", "SUCCEEDED"]
"""What becomes of the check, by day."""

with knowingly():

    @dg.asset(
        partitions_def=dg.DailyPartitionsDefinition(FIRST),
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def things() -> None:
        """Something of a day."""


def _look(context: dg.AssetCheckExecutionContext, _: object) -> Evaluations:
    days = context.partition_keys
    return evaluate(context, days, {}, lambda day: Finding("bad" * (day == WRONG), {"rows": 3}))


things_are_right = daily_check(
    things, _look, name="are_right", description="One of the days is wrong."
)


def check_days(instance: dg.DagsterInstance) -> list[Any]:
    """Make the days and check them; give the events of the run."""
    result = dg.materialize(
        [things, things_are_right], instance=instance, tags=range_tags(FIRST, LAST)
    )
    return list(instance.all_logs(result.run_id))


def is_evaluation(event: Any) -> bool:
    """Tell whether an event says what a check has found."""
    return bool(event.dagster_event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION)
