"""Runs of a feed in this process, what their checks found, and a graph to be damaged by tests."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from sales_assets.feed.declaration import Feed
from sales_assets.sales import FEED
from sales_assets.sales.assets import raw_sales, stg_sales
from sales_assets.sales.checks import SALES_CHECKS
from sales_assets.storage.day_directories import Layer
from sales_assets.storage.feeds import layers_of, storage_of
from sales_assets_tests.helpers.rows import DAY, page, sale
from sales_assets_tests.helpers.scripted_api import ScriptedApi

BOTH = (raw_sales, stg_sales)
Evaluations = dict[str, dict[str, dg.AssetCheckEvaluation]]
"""By asset and check, such as `raw_sales_is_as_recorded`, and by day."""

_NOTHING_TO_COMPARE = re.compile("no earlier .*day to compare with")


def evaluations_of(result: dg.ExecuteInProcessResult) -> Evaluations:
    found: Evaluations = {}
    for one in result.get_asset_check_evaluations():
        name = f"{one.asset_key.to_user_string()}_{one.check_name}"
        found.setdefault(name, {})[one.partition or ""] = one
    return found


def failed(evaluations: Evaluations) -> dict[str, dict[str, str]]:
    """The problems by check and day; few days have no weekday to compare with."""
    problems: dict[str, dict[str, str]] = {}
    for name, days in evaluations.items():
        for day, one in days.items():
            said = one.description or ""
            if not one.passed and not _NOTHING_TO_COMPARE.fullmatch(said):
                problems.setdefault(name, {})[day] = said
    return problems


def resources_of(feed: Feed, base: Path, url: str, **fields: Any) -> dict[str, Any]:
    """Wire a feed to an API and a storage; `fields` are those of the API."""
    return {f"{feed.name}_api": feed.api(url=url, **fields), **storage_of([feed], str(base))}


def sales_layers(base: Path) -> list[Layer]:
    return layers_of(FEED, storage_of([FEED], str(base)))


def range_tags(first: str, last: str) -> dict[str, str]:
    return {
        "dagster/asset_partition_range_start": first,
        "dagster/asset_partition_range_end": last,
    }


def run_feed(
    feed: Feed,
    resources: Mapping[str, Any],
    instance: dg.DagsterInstance | None,
    first: str = DAY,
    last: str | None = None,
    selection: dg.AssetSelection | None = None,
    *,
    allowed: int = 0,
    raise_on_error: bool = True,
) -> dg.ExecuteInProcessResult:
    """Materialize and check a day or a range of a feed, or what is selected of that."""
    definitions = dg.Definitions(
        assets=[feed.raw, feed.stg],
        asset_checks=feed.checks,
        jobs=[dg.define_asset_job(feed.name, selection or dg.AssetSelection.all())],
        resources=resources,
    )
    config = {f"stg_{feed.name}": {"config": {"max_rejected_rows": allowed}}} if allowed else {}
    return definitions.resolve_job_def(feed.name).execute_in_process(
        run_config=dg.RunConfig(config),
        instance=instance,
        partition_key=None if last else first,
        tags=range_tags(first, last) if last else {},
        raise_on_error=raise_on_error,
    )


def materialize(
    base: Path,
    url: str,
    first: str = DAY,
    last: str | None = None,
    *,
    feed: Feed = FEED,
    assets: Sequence[dg.AssetsDefinition] = BOTH,
    allowed: int = 0,
    instance: dg.DagsterInstance | None = None,
) -> None:
    """Materialize a day or a range without checking it; it hardly waits between attempts."""
    selection = dg.AssetSelection.assets(*assets).without_checks()
    resources = resources_of(feed, base, url, backoff=0.001)
    run_feed(feed, resources, instance, first, last, selection, allowed=allowed)


DAYS = ("2022-08-09", "2022-08-10", "2022-08-11")


class Pipeline:
    """The assets with their checks, and an API with three pages for each of three days."""

    def __init__(self, api: ScriptedApi, base: Path, instance: dg.DagsterInstance) -> None:
        for day in DAYS:
            sales = [sale(purchase_date=day, price=n) for n in range(1, 6)]
            api.days[day] = [page(*sales[:2]), page(*sales[2:4]), page(*sales[4:])]
        self.api = api
        self.base = base
        self.instance = instance
        self.resources = resources_of(FEED, base, api.url, max_attempts=1)
        self.json_pages = self.resources["json_pages"]

    def run(self, *arguments: Any, **options: Any) -> Evaluations:
        """Materialize and check, as `run_feed` does; give the evaluations."""
        return evaluations_of(self._result(*arguments, **options))

    def error_of(self, *arguments: Any, **options: Any) -> str:
        """Materialize what is to fail; give the error of stg_sales."""
        data: Any = self._result(*arguments, **options).failure_data_for_node("stg_sales")
        return str(data.user_failure_data.description)

    def check(self, first: str = DAY, last: str | None = None) -> Evaluations:
        """Check what is stored, without storing anything."""
        keys = [key for one in SALES_CHECKS for key in one.check_keys]
        # A job of checks alone is refused a partition key, but takes a range.
        return self.run(first, last or first, dg.AssetSelection.checks(*keys))

    def recorded(self, asset: dg.AssetsDefinition) -> dict[str, dict[str, Any]]:
        """What was recorded of each day of an asset."""
        storage = self.resources["json_pages" if asset is raw_sales else "sales_avro"]
        recorded: dict[str, dict[str, Any]] = storage.recorded(self.instance, asset.key)
        return recorded

    def raw(self, day: str = DAY) -> Path:
        """The directory of a day of raw_sales."""
        return self.base / "raw/sales" / day

    def stg(self, day: str = DAY) -> Path:
        """The file of a day of stg_sales."""
        return self.base / f"stg/sales/{day}/sales_{day}.avro"

    def _result(self, *arguments: Any, **options: Any) -> dg.ExecuteInProcessResult:
        options["raise_on_error"] = False
        return run_feed(FEED, self.resources, self.instance, *arguments, **options)
