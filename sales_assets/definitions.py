"""The code location: its feeds, everything derived from their declarations, and the rides."""

from functools import partial
from pathlib import Path

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
from sales_assets.sample.resources import SampleRidesApi, SampleSalesApi
from sales_assets.schedules import daily_freshness, daily_schedule, due, rides_job, rides_schedule
from sales_assets.storage.automation import following_sensor, follows_its_source
from sales_assets.storage.day_directories import kept_apart
from sales_assets.storage.feeds import layers_of, storage_of

FEEDS = [sales.FEED]
"""The daily feeds of this code location; everything else follows from their declarations."""

_DOCUMENTS = Path(__file__).parents[1] / "docs"

_settings = settings.read()
_hour = _settings.sales_schedule_hour

BASE_DIR = _settings.base_dir
_STORAGE = storage_of(FEEDS, BASE_DIR)
LAYERS = kept_apart([layer for feed in FEEDS for layer in layers_of(feed, _STORAGE)])
"""What `sales-assets verify` compares with the records."""


def _api(feed: Feed) -> DailyApi:
    address = settings.address(feed.api.address_variable)
    is_sample = feed.api.has_sample and address == "sample"
    return SampleSalesApi() if is_sample else feed.api(url=address)


def _assets(feed: Feed) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    if feed.source is None:
        return [feed.raw, feed.stg]
    address = dg.MetadataValue.url(settings.address(feed.api.address_variable))
    return [feed.source.merge_attributes(metadata={"address": address}), feed.raw, feed.stg]


def _described(spec: dg.AssetSpec) -> dg.AssetSpec:
    """Add a document and, to a layer of a feed, its location, freshness and automation."""
    document = _DOCUMENTS / ("rides.md" if spec.group_name == "rides" else "guide.md")
    if document.is_file():  # Not if installed without a checkout.
        link = dg.LocalFileCodeReference(
            file_path=str(document), line_number=1, label=f"docs/{document.name}"
        )
        links = dg.CodeReferencesMetadataValue(code_references=[link])
        spec = spec.merge_attributes(metadata={"dagster/code_references": links})
    for layer in LAYERS:
        if layer.asset == spec.key:
            uri = redacted(layer.storage.directory(layer.asset, "x").parent.as_uri())
            spec = spec.merge_attributes(metadata={"dagster/uri": uri})
            spec = dg.apply_freshness_policy(spec, daily_freshness(_hour))
            if layer.made_from:
                condition = follows_its_source(layer, layer.made_from)
                spec = spec.replace_attributes(automation_condition=condition)
    return spec


def _alerts(address: str) -> list[dg.SensorDefinition]:
    if not address:
        return []
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


_rides_url, _rides_db = _settings.rides_api_url, _settings.rides_db
rides_api = SampleRidesApi() if _rides_url == "sample" else RidesApi(url=_rides_url)
# An address by name, so that Dagster does not show a password in it.
rides_database = RidesDatabase(
    path=_rides_db if scheme_of(_rides_db.strip()) is None else dg.EnvVar("RIDES_DB")
)
_schedules = [daily_schedule(feed, _hour, _settings.sales_lookback_days) for feed in FEEDS]

_ours = [asset for feed in FEEDS for asset in _assets(feed)]
_ours += [RIDES_SOURCE, rides, driver_statistics]
with knowingly():
    _all_assets = dg.with_source_code_references(dg.map_asset_specs(_described, _ours))

defs = dg.Definitions(
    assets=_all_assets,
    asset_checks=[
        *(check for feed in FEEDS for check in feed.checks),
        distances_are_plausible,
        every_ride_has_its_driver,
    ],
    jobs=[*(schedule.job for schedule in _schedules), rides_job],
    schedules=[*_schedules, rides_schedule],
    sensors=[following_sensor(), *_alerts(_settings.sales_alert_url)],
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
