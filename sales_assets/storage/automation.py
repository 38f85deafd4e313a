"""When a day is made automatically: once its upstream day is stored, or its content changes."""

import json
from typing import Any

import dagster as dg
from typing_extensions import override

from sales_assets.feed.daily import knowingly
from sales_assets.feed.remedy import FOLLOWING_SENSOR
from sales_assets.storage.day_directories import Layer
from sales_assets.storage.recorded import is_made_from

_Condition = dg.AutomationCondition


class SourceIsOther(dg.AutomationCondition[dg.AssetKey]):
    """True for each day that was neither made nor tried from its current upstream day.

    It compares recorded contents. Event ids only narrow down the days to compare: those recorded
    since the last tick, those found at that tick, and those never made. A day that fails leaves an
    observation, so it is not retried until its source changes.
    """

    def __init__(self, layer: Layer, source: Layer) -> None:
        self._layer = layer
        self._source = source

    @property
    @override
    def description(self) -> str:
        return f"Not made from the current {self._source.name}"

    @override
    def evaluate(
        self, context: dg.AutomationContext[dg.AssetKey]
    ) -> dg.AutomationResult[dg.AssetKey]:
        instance = context.asset_graph_view.instance
        layer, source = self._layer, self._source
        latest = instance.get_latest_storage_id_by_partition
        stored_at = latest(source.asset, dg.DagsterEventType.ASSET_MATERIALIZATION)
        made_at = latest(layer.asset, dg.DagsterEventType.ASSET_MATERIALIZATION)
        seen = json.loads(context.cursor or '{"up_to": 0, "found": []}')
        candidates = {
            day
            for day, event in stored_at.items()
            if day not in made_at or max(event, made_at[day]) > seen["up_to"]
        }
        sources = source.storage.recorded(instance, source.asset, candidates.union(seen["found"]))
        made = layer.storage.recorded(instance, layer.asset, sources)
        others = {
            day
            for day, record in sources.items()
            if day not in made or not is_made_from(made[day], record)
        }
        tried = layer.storage.tried(instance, layer.asset, others)
        found = {day for day in others if (day, sources[day]["sha256"]) not in tried}
        up_to = max([0, *stored_at.values(), *made_at.values()])
        return dg.AutomationResult(
            context,
            context.candidate_subset.compute_intersection_with_partition_keys(found),
            cursor=json.dumps({"up_to": up_to, "found": sorted(found)}),
        )


# A run that dies leaves no observation, and would be requested again at each tick.
_WAS_REQUESTED = _Condition.newly_requested().since(
    _Condition.any_deps_match(_Condition.newly_updated())
)


def follows_its_source(layer: Layer, source: Layer) -> dg.AutomationCondition[Any]:
    """Make each day, whatever its age, once per content of its source, if no run is about to."""
    condition: dg.AutomationCondition[Any] = (
        SourceIsOther(layer, source)
        & ~_WAS_REQUESTED
        & ~_Condition.any_deps_in_progress()
        & ~_Condition.in_progress()
    ).with_label(f"follows {source.name}, day by day")
    return condition


def following_sensor() -> dg.AutomationConditionSensorDefinition:
    """Make the sensor that has assets follow their sources.

    Dagster's own evaluates conditions in the daemon, where the condition above is not available.
    """
    with knowingly():
        return dg.AutomationConditionSensorDefinition(
            FOLLOWING_SENSOR,
            target=dg.AssetSelection.all(),
            use_user_code_server=True,
            default_status=dg.DefaultSensorStatus.RUNNING,
            description="Materializes each stg day once its raw day is stored or changes.",
        )
