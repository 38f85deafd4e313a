"""The rides assets: `rides` pulls taxi rides into a database, `driver_statistics` sums them up.

Both store into the database of the resource, so they need no IO manager and no partitions. There is
neither HTTP nor SQL here.
"""

import math
from typing import Any

import dagster as dg
from pydantic import ConfigDict, Field

from sales_assets.rides import schema
from sales_assets.rides.api import RidesApi
from sales_assets.rides.database import RidesDatabase
from sales_assets.rides.pull import Tally, pull
from sales_assets.rides.schema import columns_of

_COLUMNS = "dagster/column_schema"
_OWNERS = ["team:rides"]
_TAGS = {"domain": "rides", "pii": "names_of_drivers_and_users"}

RIDES_SOURCE = dg.AssetSpec(
    "ride_answers",
    group_name="rides",
    kinds={"api"},
    owners=_OWNERS,
    tags=_TAGS,
    description="What the rides API returns: a ride with its driver and user. Not stored here.",
)


class NoRidesError(dg.Failure):
    """Not a single ride could be pulled."""


class PullConfig(dg.Config):
    """How long to pull; by default, make 12 calls within 50 seconds.

    That takes 3 seconds; run every minute, it pulls as many rides as polling every 5 seconds.
    """

    model_config = ConfigDict(use_attribute_docstrings=True)

    polls: int | None = Field(default=None, ge=1)
    """Number of calls to make."""
    seconds: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Seconds after which to stop; with `polls`, whichever comes first."""
    interval: float = Field(default=0.25, ge=0, allow_inf_nan=False)
    """Seconds between a response and the next call."""


@dg.asset(
    deps=[RIDES_SOURCE],
    group_name="rides",
    owners=_OWNERS,
    tags={**_TAGS, "layer": "raw"},
    code_version="1",
    kinds={"python", "sql"},
    metadata={_COLUMNS: columns_of(schema.rides)},
)
def rides(
    config: PullConfig, rides_api: RidesApi, rides_database: RidesDatabase
) -> dg.MaterializeResult[Any]:
    """Taxi rides with their drivers and users, pulled one by one from the rides API.

    Each ride is stored before the next is requested; a ride that is returned again is updated. A
    response without a ride is logged, counted and skipped; a run without any ride fails.
    """
    tally = Tally()
    by_default = config.polls is None and config.seconds is None
    polls, seconds = (12, 50.0) if by_default else (config.polls, config.seconds)
    with rides_database.open() as store:
        answers = rides_api.rides(config.interval, polls, seconds)
        pull(answers, store.store, tally)
        if not tally.pulled:
            raise NoRidesError(
                f"{rides_api.source} returned no ride in {tally.skipped} responses; last problem: "
                f"{tally.last_skipped}. Set RIDES_API_URL to the rides API, or run again once it "
                "is back up"
            )
        return dg.MaterializeResult(
            metadata={
                "source": rides_api.source,
                "rides_pulled": tally.pulled,
                "rides_new": tally.new,
                "rides_updated": tally.updated,
                "answers_skipped": tally.skipped,
                "path": dg.MetadataValue.path(store.address),
                "dagster/row_count": store.count(),
            }
        )


@dg.asset(
    group_name="rides",
    owners=_OWNERS,
    tags={**_TAGS, "layer": "stg"},
    code_version="1",
    kinds={"python", "sql"},
    deps=[rides],
    metadata={_COLUMNS: columns_of(schema.driver_statistics)},
)
def driver_statistics(rides_database: RidesDatabase) -> dg.MaterializeResult[Any]:
    """All-time totals of each driver: distance, rides, price and average distance.

    `updated_at` (UTC) is when a driver's figures last changed.
    """
    with rides_database.open() as store:
        totals = store.compute_statistics()
    return dg.MaterializeResult(
        metadata={
            "path": dg.MetadataValue.path(store.address),
            "dagster/row_count": totals["drivers"],
            **{f"total_{name}": _finite(value) for name, value in totals.items()},
        }
    )


def _finite(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)  # The UI cannot show infinite numbers.
