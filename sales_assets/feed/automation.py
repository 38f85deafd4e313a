"""When an asset of days is made by itself: once what it is made of is stored, or stored anew."""

import warnings
from collections.abc import Mapping
from typing import Any

import dagster as dg

_Condition = dg.AutomationCondition


class SourceIsNewer(dg.AutomationCondition[dg.AssetKey]):
    """True of each day that was stored in the source after it was last made here, or tried.

    It compares records, not what happened between two ticks of a sensor: a day is found however
    long ago it was stored, and in whatever order it was made. A day that fails leaves an
    observation, so it is not tried again until its source is new.
    """

    @property
    def description(self) -> str:
        """For the UI."""
        return "The source was stored after this day was last made or tried"

    def evaluate(
        self, context: dg.AutomationContext[dg.AssetKey]
    ) -> dg.AutomationResult[dg.AssetKey]:
        """Find these days."""
        instance = context.asset_graph_view.instance

        def latest(key: dg.AssetKey, kind: dg.DagsterEventType) -> Mapping[str, int]:
            return instance.get_latest_storage_id_by_partition(key, kind)

        made = latest(context.key, dg.DagsterEventType.ASSET_MATERIALIZATION)
        tried = latest(context.key, dg.DagsterEventType.ASSET_OBSERVATION)
        days = {
            day
            for source in context.asset_graph.get(context.key).parent_keys
            for day, stored in latest(source, dg.DagsterEventType.ASSET_MATERIALIZATION).items()
            if stored > max(made.get(day, 0), tried.get(day, 0))
        }
        return dg.AutomationResult(
            context, context.candidate_subset.compute_intersection_with_partition_keys(days)
        )


# A run that dies leaves no observation, and would be requested at each tick.
_WAS_REQUESTED = _Condition.newly_requested().since(
    _Condition.any_deps_match(_Condition.newly_updated())
)

FOLLOWS_ITS_SOURCE: dg.AutomationCondition[Any] = (
    SourceIsNewer()
    & ~_WAS_REQUESTED
    & ~_Condition.any_deps_in_progress()
    & ~_Condition.in_progress()
).with_label("follows its source, day by day")
"""Makes each day, of whatever age, once its source has it or has it anew; each once.

Not while a run or a backfill is about to do it.
"""


def automation_sensor() -> dg.AutomationConditionSensorDefinition:
    """Make the sensor that has assets follow their sources; off until it is switched on.

    It takes the place of the one that Dagster would make of this name: that one looks from the
    daemon, which does not have the condition above.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Parameter `use_user_code_server`", dg.BetaWarning)
        return dg.AutomationConditionSensorDefinition(
            "default_automation_condition_sensor",
            target=dg.AssetSelection.all(),
            use_user_code_server=True,
            description="Make each day once what it is made of is stored, or stored anew.",
        )
