"""The graph with its checks on a storage of its own, to be damaged by tests."""

from pathlib import Path
from typing import Any

import dagster as dg

from sales_assets.sales import FEED
from sales_assets.sales.assets import raw_sales
from sales_assets.sales.checks import SALES_CHECKS
from sales_assets_tests.helpers.evaluations import Evaluations, evaluations_of
from sales_assets_tests.helpers.materialize import resources_of, run_feed
from sales_assets_tests.helpers.rows import DAY, page, sale
from sales_assets_tests.helpers.scripted_api import ScriptedApi

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
