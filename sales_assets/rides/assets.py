"""The rides assets: `rides` pulls taxi rides into SQLite, `driver_statistics` sums them up.

Both keep what they make in the database of the resource, so they have neither IO manager nor
partition. There is no HTTP and no SQL of theirs here but what their metadata asks.
"""

import math
from typing import Any

import dagster as dg
from pydantic import Field

from sales_assets.feed.markdown_table import markdown_table
from sales_assets.rides.api import RidesApi
from sales_assets.rides.database import RidesDatabase, RidesStore
from sales_assets.rides.pull import Tally, pull

SUMS_AGREE = "sums_agree_with_rides"

_TOP = """
    SELECT name, surname, ROUND(total_distance, 2) AS distance, rides,
           ROUND(total_price, 2) AS price, ROUND(average_distance, 2) AS average_distance,
           driver_uuid
    FROM driver_statistics LEFT JOIN drivers USING (driver_uuid)
    ORDER BY total_distance DESC, driver_uuid
    LIMIT 10
"""
_TOTALS = """
    SELECT COUNT(*) AS drivers, COALESCE(SUM(rides), 0) AS rides,
           ROUND(COALESCE(SUM(total_distance), 0.0), 2) AS distance,
           ROUND(COALESCE(SUM(total_price), 0.0), 2) AS price
    FROM driver_statistics
"""


class NoRidesError(dg.Failure):
    """Not one ride could be pulled."""


class PullConfig(dg.Config):
    """How long to pull: 12 rides within 50 seconds, unless said otherwise.

    That takes 3 seconds, and each minute it is what a service that polls every 5 seconds gets.
    """

    polls: int | None = Field(default=None, ge=1, description="Number of calls to make.")
    seconds: float | None = Field(
        default=None,
        gt=0,
        allow_inf_nan=False,
        description="Seconds after which to make no further call. With `polls`: what comes first.",
    )
    interval: float = Field(
        default=0.25,
        ge=0,
        allow_inf_nan=False,
        description="Seconds between an answer and the next call.",
    )

    def limits(self) -> tuple[int | None, float | None]:
        """Give the greatest number of calls and of seconds; None is no limit."""
        if self.polls is None and self.seconds is None:
            return 12, 50.0
        return self.polls, self.seconds


@dg.asset(group_name="rides", kinds={"python", "sqlite"})
def rides(
    context: dg.AssetExecutionContext,
    config: PullConfig,
    rides_api: RidesApi,
    rides_database: RidesDatabase,
) -> dg.MaterializeResult[Any]:
    """Taxi rides with their drivers and users, pulled one by one from the rides API.

    A ride is stored before the next is asked for, and one seen again replaces itself. An answer
    that is no ride is logged, counted and skipped; a run without any ride fails.
    """
    context.log.info("rides come from %s", rides_api.source)
    tally = Tally()
    polls, seconds = config.limits()
    with rides_database.open() as store:
        answers = rides_api.rides(config.interval, polls, seconds)
        pull(answers, store.store, tally, context.log)
        if not tally.pulled:
            raise NoRidesError(
                f"{rides_api.source} gave no ride in {tally.skipped} answers (set RIDES_API_URL to "
                f"the rides API); the last one: {tally.last_skipped}"
            )
        return dg.MaterializeResult(
            metadata={
                "source": rides_api.source,
                "rides_pulled": tally.pulled,
                "rides_new": tally.new,
                "rides_updated": tally.updated,
                "answers_skipped": tally.skipped,
                **_table(store, "rides"),
            }
        )


@dg.asset(
    group_name="rides",
    kinds={"python", "sqlite"},
    deps=[rides],
    check_specs=[
        dg.AssetCheckSpec(
            SUMS_AGREE,
            asset="driver_statistics",
            description="Each driver's rides, added up anew, give the stored statistics.",
        )
    ],
)
# Dagster takes a parametrized result for the wrong type once an asset has checks of its own.
def driver_statistics(rides_database: RidesDatabase) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """The distance each driver has driven over all time, with rides, prices and the average.

    `updated_at` (UTC) is when the figures of a driver last changed.
    """
    # Compared in the same transaction: later there may be rides that are not summed up yet.
    with rides_database.open() as store, store.transaction():
        store.compute_statistics()
        disagreeing = store.disagreeing_drivers()
        [totals] = store.rows(_TOTALS)
        metadata = {
            # Dagster's UI cannot show an infinite number, which absurd distances add up to.
            **{f"total_{k}": v if math.isfinite(v) else str(v) for k, v in totals.items()},
            "longest_distances": dg.MetadataValue.md(markdown_table(store.rows(_TOP))),
            **_table(store, "driver_statistics"),
        }
    return dg.MaterializeResult(
        metadata=metadata,
        check_results=[
            dg.AssetCheckResult(
                check_name=SUMS_AGREE,
                passed=not disagreeing,
                metadata={"drivers": len(disagreeing), "first_drivers": disagreeing[:10]},
            )
        ],
    )


def _table(store: RidesStore, name: str) -> dict[str, Any]:
    """Describe a table as Dagster's UI knows tables."""
    [count] = store.rows(f"SELECT COUNT(*) AS rows FROM {name}")  # noqa: S608 - a name of ours
    columns = store.rows(f"PRAGMA table_info({name})")
    return {
        "path": dg.MetadataValue.path(str(store.path)),
        "dagster/row_count": count["rows"],
        "dagster/column_schema": dg.TableSchema(
            [dg.TableColumn(column["name"], column["type"]) for column in columns]
        ),
    }
