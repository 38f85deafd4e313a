"""The graph with its checks on a storage of its own, to be damaged by tests."""

from pathlib import Path
from typing import Any

import dagster as dg

from sales_assets.sales.assets import raw_sales
from sales_assets.sales.checks import SALES_CHECKS
from sales_assets.storage.io_manager import PartitionDirectoryIOManager
from sales_assets_tests.helpers.evaluations import Evaluations, evaluations_of
from sales_assets_tests.helpers.materialize import BOTH, range_tags, sales_resources
from sales_assets_tests.helpers.rows import DAY, page, sale
from sales_assets_tests.helpers.scripted_api import ScriptedApi

DAYS = ("2022-08-09", "2022-08-10", "2022-08-11")


class Pipeline:
    """The assets with their checks, on a storage and an instance of their own."""

    def __init__(self, api: ScriptedApi, base: Path, instance: dg.DagsterInstance) -> None:
        """Use that API, with three pages for each of three days; nothing is stored yet."""
        for day in DAYS:
            sales = [sale(purchase_date=day, price=n) for n in range(1, 6)]
            api.days[day] = [page(*sales[:2]), page(*sales[2:4]), page(*sales[4:])]
        self.api = api
        self.base = base
        self.instance = instance
        self.resources = sales_resources(base, api.url, max_attempts=1)
        self.json_pages: PartitionDirectoryIOManager = self.resources["json_pages"]
        self.sales_avro: PartitionDirectoryIOManager = self.resources["sales_avro"]

    def run(
        self,
        first: str = DAY,
        last: str | None = None,
        selection: dg.AssetSelection | None = None,
        allowed: int = 0,
    ) -> Evaluations:
        """Materialize a range and check it; give the evaluations."""
        return evaluations_of(self._result(first, last, selection, allowed))

    def error_of(
        self,
        first: str = DAY,
        last: str | None = None,
        selection: dg.AssetSelection | None = None,
        allowed: int = 0,
    ) -> str:
        """Materialize a range that is to fail; give the error of stg_sales."""
        result = self._result(first, last, selection, allowed)
        data: Any = result.failure_data_for_node("stg_sales")
        return str(data.user_failure_data.description)

    def check(self, first: str = DAY, last: str | None = None) -> Evaluations:
        """Check what is stored, without storing anything."""
        return self.run(
            first,
            last,
            dg.AssetSelection.checks(*(key for one in SALES_CHECKS for key in one.check_keys)),
        )

    def recorded(self, asset: dg.AssetsDefinition) -> dict[str, dict[str, Any]]:
        """What was recorded of each day of an asset."""
        storage = self.json_pages if asset is raw_sales else self.sales_avro
        return storage.recorded(self.instance, asset.key)

    def raw(self, day: str = DAY) -> Path:
        """The directory of a day of raw_sales."""
        return self.base / "raw/sales" / day

    def stg(self, day: str = DAY) -> Path:
        """The file of a day of stg_sales."""
        return self.base / f"stg/sales/{day}/sales_{day}.avro"

    def _result(
        self,
        first: str,
        last: str | None,
        selection: dg.AssetSelection | None = None,
        allowed: int = 0,
    ) -> dg.ExecuteInProcessResult:
        stored = selection is None
        # A job of checks alone is refused a partition key, but takes a range.
        by_key = first if stored and not last else None
        job = dg.define_asset_job("some", selection or dg.AssetSelection.all())
        definitions = dg.Definitions(
            assets=BOTH,
            asset_checks=SALES_CHECKS,
            jobs=[job],
            resources=self.resources,
        )
        config: Any = {"stg_sales": {"config": {"max_rejected_rows": allowed}}} if stored else {}
        return definitions.resolve_job_def("some").execute_in_process(
            run_config=dg.RunConfig(config),
            instance=self.instance,
            raise_on_error=False,
            partition_key=by_key,
            tags={} if by_key else range_tags(first, last or first),
        )
