"""Wires the code location together, and reads the settings.

Two things are read elsewhere: the tokens, by what sends them, and by `alerts` in order not to; and
what Dagster has to know of the partitions when it imports the assets, by `sales`.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg

from sales_assets import settings
from sales_assets.alerts.late_days import late_day_alerts
from sales_assets.alerts.sensors import failed_run_alerts
from sales_assets.alerts.webhook import Webhook
from sales_assets.feed.previews import knowingly
from sales_assets.http.secrets import redacted
from sales_assets.rides.api import RidesApi
from sales_assets.rides.assets import RIDES_SOURCE, driver_statistics, rides
from sales_assets.rides.checks import distances_are_plausible, every_ride_has_its_driver
from sales_assets.rides.database import RidesDatabase
from sales_assets.rides.postgres_server import is_postgres
from sales_assets.sales.api import SalesApi
from sales_assets.sales.assets import SALES_DAYS, SALES_SOURCE, raw_sales, stg_sales
from sales_assets.sales.checks import SALES_CHECKS
from sales_assets.sales.sale import SALE
from sales_assets.schedules import (
    daily_sales_freshness,
    daily_sales_schedule,
    due,
    rides_job,
    rides_schedule,
    sales_job,
)
from sales_assets.storage.automation import following_sensor, follows_its_source
from sales_assets.storage.avro_file import AvroFile
from sales_assets.storage.day_directories import Layer
from sales_assets.storage.io_manager import PartitionDirectoryIOManager
from sales_assets.storage.json_pages import JsonPages

SAMPLE = "sample"

_DOCUMENTS = Path(__file__).parents[1] / "docs"


def _sales_api(address: str) -> SalesApi:
    if address == SAMPLE:
        from sales_assets.sample.resources import SampleSalesApi

        return SampleSalesApi()
    return SalesApi(url=address)


def _rides_api(address: str) -> RidesApi:
    if address == SAMPLE:
        from sales_assets.sample.resources import SampleRidesApi

        return SampleRidesApi()
    return RidesApi(url=address)


def _rides_database(address: str) -> RidesDatabase:
    # By its name, so that the password of a server does not show in Dagster.
    return RidesDatabase(path=dg.EnvVar("RIDES_DB") if is_postgres(address) else address)


def _daily(layers: Mapping[Layer, dg.AssetsDefinition], hour: int) -> list[dg.AssetsDefinition]:
    """Say of the assets when a day is due, where their days lie, and what they follow."""
    policy = daily_sales_freshness(hour)

    def described(spec: dg.AssetSpec, layer: Layer) -> dg.AssetSpec:
        uri = redacted(layer.storage.directory(layer.asset, "x").parent.as_uri())
        located: dg.AssetSpec = spec.merge_attributes(metadata={"dagster/uri": uri})
        due_daily: dg.AssetSpec = dg.apply_freshness_policy(located, policy)
        if layer.made_from is None:
            return due_daily
        condition = follows_its_source(layer, layer.made_from)
        return due_daily.replace_attributes(automation_condition=condition)

    return [
        asset.map_asset_specs(partial(described, layer=layer)) for layer, asset in layers.items()
    ]


def _with_code(*assets: dg.AssetsDefinition | dg.AssetSpec) -> Sequence[Any]:
    """Say of the assets in which lines of code they are made, and which document tells of them."""
    with knowingly():
        return dg.with_source_code_references(
            [
                asset.map_asset_specs(_documented)
                if isinstance(asset, dg.AssetsDefinition)
                else _documented(asset)
                for asset in assets
            ]
        )


def _documented(spec: dg.AssetSpec) -> dg.AssetSpec:
    document = _DOCUMENTS / {"sales": "guide.md", "rides": "rides.md"}[str(spec.group_name)]
    if not document.is_file():  # The package is installed without its checkout.
        return spec
    link = dg.LocalFileCodeReference(
        file_path=str(document), line_number=1, label=f"docs/{document.name}"
    )
    links = dg.CodeReferencesMetadataValue(code_references=[link])
    documented: dg.AssetSpec = spec.merge_attributes(metadata={"dagster/code_references": links})
    return documented


def _storage(base_dir: str) -> dict[str, PartitionDirectoryIOManager]:
    return {
        "json_pages": PartitionDirectoryIOManager(base_dir, JsonPages()),
        "sales_avro": PartitionDirectoryIOManager(
            base_dir, AvroFile(SALE.avro), has_quarantine=True
        ),
    }


def _alerts(address: str) -> list[dg.SensorDefinition]:
    webhook = Webhook(address)
    return [
        failed_run_alerts(webhook),
        late_day_alerts(
            webhook,
            stg_sales.key,
            SALES_DAYS,
            partial(due, hour=schedule_hour),
            # The days of the schedule: yesterday, and those before it.
            lookback=_settings.sales_lookback_days + 1,
        ),
    ]


_settings = settings.read()

BASE_DIR = _settings.base_dir
_STORAGE = _storage(BASE_DIR)
_RAW = Layer(raw_sales.key, SALES_DAYS, _STORAGE["json_pages"])
LAYERS = [_RAW, Layer(stg_sales.key, SALES_DAYS, _STORAGE["sales_avro"], made_from=_RAW)]
"""What `sales-assets verify` compares with the records."""

schedule_hour = _settings.sales_schedule_hour
alert_url = _settings.sales_alert_url
rides_api = _rides_api(_settings.rides_api_url)
rides_database = _rides_database(_settings.rides_db)

defs = dg.Definitions(
    assets=_with_code(
        SALES_SOURCE,
        *_daily(dict(zip(LAYERS, (raw_sales, stg_sales), strict=True)), schedule_hour),
        RIDES_SOURCE,
        rides,
        driver_statistics,
    ),
    asset_checks=[*SALES_CHECKS, distances_are_plausible, every_ride_has_its_driver],
    jobs=[sales_job, rides_job],
    schedules=[daily_sales_schedule(schedule_hour, _settings.sales_lookback_days), rides_schedule],
    sensors=[following_sensor(), *(_alerts(alert_url) if alert_url else [])],
    resources={
        "rides_api": rides_api,
        "rides_database": rides_database,
        "sales_api": _sales_api(_settings.sales_api_url),
        **_STORAGE,
    },
    # The default executor starts a process per step, which costs seconds a run.
    executor=dg.in_process_executor,
)


def defs_for(base_dir: str) -> dg.Definitions:
    """Wire the same graph to another root of the storage, a local path or a URL."""
    return dg.Definitions(
        assets=defs.assets,
        asset_checks=defs.asset_checks,
        resources={**(defs.resources or {}), **_storage(base_dir)},
        executor=defs.executor,
    )
