"""Wires the code location together, and reads the settings; nothing else does either.

Settings come from the environment, into which Dagster also loads `.env`. The exceptions are the
token, which only `sales_api` reads, when a run starts, and the first partition (`sales`).
"""

import os

import dagster as dg

from sales_assets.formats import AvroFile, JsonPages
from sales_assets.sales import raw_sales, stg_sales
from sales_assets.sales_api import SalesApi
from sales_assets.sales_checks import SALES_CHECKS
from sales_assets.sales_record import SALES_SCHEMA
from sales_assets.schedules import daily_sales_schedule, sales_job
from sales_assets.storage import PartitionDirectoryIOManager

SAMPLE = "sample"


def _setting(name: str, default: str) -> str:
    return os.environ.get(name) or default


def _sales_api(address: str) -> SalesApi:
    if address == SAMPLE:
        from sales_assets.sample_api import SampleSalesApi

        return SampleSalesApi()
    return SalesApi(url=address)


_base_dir = _setting("BASE_DIR", "file_storage")

defs = dg.Definitions(
    assets=[raw_sales, stg_sales],
    asset_checks=SALES_CHECKS,
    jobs=[sales_job],
    schedules=[daily_sales_schedule(int(_setting("SALES_SCHEDULE_HOUR", "1")))],
    resources={
        "sales_api": _sales_api(
            _setting("SALES_API_URL", "https://fake-api-vycpfa6oca-uc.a.run.app")
        ),
        "json_pages": PartitionDirectoryIOManager(_base_dir, JsonPages()),
        "avro_file": PartitionDirectoryIOManager(_base_dir, AvroFile(SALES_SCHEMA)),
    },
    # The default executor starts a process per step, which costs seconds a run.
    executor=dg.in_process_executor,
)
