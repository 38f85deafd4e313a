"""The code location: its feeds, everything derived from their declarations, and the rides.

Most settings are read here. Tokens are read by the code that sends them; the feed reads the
settings for partitions, which Dagster needs when it imports an asset.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg

from sales_assets import sales, settings
from sales_assets.alerts.late_days import late_day_alerts
from sales_assets.alerts.sensors import failed_run_alerts
from sales_assets.alerts.webhook import Webhook
from sales_assets.feed.api import DailyApi
from sales_assets.feed.daily import knowingly
from sales_assets.feed.declaration import Feed
from sales_assets.http.address import scheme_of
from sales_assets.http.secrets import redacted
from sales_assets.rides.api import RidesApi
from sales_assets.rides.assets import RIDES_SOURCE, driver_statistics, rides
from sales_assets.rides.checks import distances_are_plausible, every_ride_has_its_driver
from sales_assets.rides.database import RidesDatabase
from sales_assets.schedules import daily_freshness, daily_schedule, due, rides_job, rides_schedule
from sales_assets.storage.automation import following_sensor, follows_its_source
from sales_assets.storage.day_directories import Layer, kept_apart
from sales_assets.storage.feeds import layers_of, storage_of

FEEDS = [sales.FEED]
"""The daily feeds of this code location; everything else follows from their declarations."""

SAMPLE = "sample"

_DOCUMENTS = Path(__file__).parents[1] / "docs"


def _api(feed: Feed) -> DailyApi:
    address = settings.address(feed.api.address_variable)
    if feed.api.has_sample and address == SAMPLE:
        from sales_assets.sample.resources import SampleSalesApi

        return SampleSalesApi()
    return feed.api(url=address)


def _rides_api(address: str) -> RidesApi:
    if address == SAMPLE:
        from sales_assets.sample.resources import SampleRidesApi

        return SampleRidesApi()
    return RidesApi(url=address)


def _rides_database(address: str) -> RidesDatabase:
    # By name, so that Dagster does not show a password in an address.
    is_path = scheme_of(address.strip()) is None
    return RidesDatabase(path=address if is_path else dg.EnvVar("RIDES_DB"))


def _assets(feed: Feed) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """Add freshness, storage location and automation to the assets of a feed."""

    def described(spec: dg.AssetSpec, layer: Layer) -> dg.AssetSpec:
        uri = redacted(layer.storage.directory(layer.asset, "x").parent.as_uri())
        located: dg.AssetSpec = spec.merge_attributes(metadata={"dagster/uri": uri})
        due_daily: dg.AssetSpec = dg.apply_freshness_policy(located, daily_freshness(_hour))
        if layer.made_from is None:
            return due_daily
        condition = follows_its_source(layer, layer.made_from)
        return due_daily.replace_attributes(automation_condition=condition)

    both = zip((feed.raw, feed.stg), layers_of(feed, _STORAGE), strict=True)
    address = settings.address(feed.api.address_variable)
    source = (
        [feed.source.merge_attributes(metadata={"address": dg.MetadataValue.url(address)})]
        if feed.source
        else []
    )
    return [*source, *(a.map_asset_specs(partial(described, layer=layer)) for a, layer in both)]


def _with_code(*assets: dg.AssetsDefinition | dg.AssetSpec) -> Sequence[Any]:
    """Link the assets to their source code and their document."""
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
    document = _DOCUMENTS / ("rides.md" if spec.group_name == "rides" else "guide.md")
    if not document.is_file():  # Installed without a checkout.
        return spec
    link = dg.LocalFileCodeReference(
        file_path=str(document), line_number=1, label=f"docs/{document.name}"
    )
    links = dg.CodeReferencesMetadataValue(code_references=[link])
    documented: dg.AssetSpec = spec.merge_attributes(metadata={"dagster/code_references": links})
    return documented


def _alerts(address: str) -> list[dg.SensorDefinition]:
    webhook = Webhook(address)
    late = [
        late_day_alerts(
            webhook,
            feed.stg.key,
            # Days that HTTP jobs stored elsewhere do not count.
            _STORAGE[feed.rows_key].recorded,
            feed.days.start.date(),
            partial(due, hour=_hour),
            name="late_day_alerts" if feed is sales.FEED else f"late_{feed.name}_alerts",
        )
        for feed in FEEDS
    ]
    return [failed_run_alerts(webhook), *late]


_settings = settings.read()
_hour = _settings.sales_schedule_hour
_alert_url = _settings.sales_alert_url

BASE_DIR = _settings.base_dir
_STORAGE = storage_of(FEEDS, BASE_DIR)
LAYERS = kept_apart([layer for feed in FEEDS for layer in layers_of(feed, _STORAGE)])
"""What `sales-assets verify` compares with the records."""

rides_api = _rides_api(_settings.rides_api_url)
rides_database = _rides_database(_settings.rides_db)

_schedules = [daily_schedule(feed, _hour, _settings.sales_lookback_days) for feed in FEEDS]

defs = dg.Definitions(
    assets=_with_code(
        *(asset for feed in FEEDS for asset in _assets(feed)),
        RIDES_SOURCE,
        rides,
        driver_statistics,
    ),
    asset_checks=[
        *(check for feed in FEEDS for check in feed.checks),
        distances_are_plausible,
        every_ride_has_its_driver,
    ],
    jobs=[*(schedule.job for schedule in _schedules), rides_job],
    schedules=[*_schedules, rides_schedule],
    sensors=[following_sensor(), *(_alerts(_alert_url) if _alert_url else [])],
    resources={
        "rides_api": rides_api,
        "rides_database": rides_database,
        **{f"{feed.name}_api": _api(feed) for feed in FEEDS},
        **_STORAGE,
    },
    # The default executor starts a process per step, which adds seconds to each run.
    executor=dg.in_process_executor,
)


def defs_for(base_dir: str) -> dg.Definitions:
    """Build the same definitions for another storage root, a local path or a URL."""
    return dg.Definitions(
        assets=defs.assets,
        asset_checks=defs.asset_checks,
        resources={**(defs.resources or {}), **storage_of(FEEDS, base_dir)},
        executor=defs.executor,
    )
