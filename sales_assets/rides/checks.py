"""Asset checks for what the database does not enforce by itself."""

import dagster as dg
import sqlalchemy as sa

from sales_assets.rides import schema
from sales_assets.rides.assets import rides
from sales_assets.rides.database import RidesDatabase

LONGEST_RIDE = 1000
"""The longest plausible distance, in the unit of the API."""


@dg.asset_check(asset=rides)
def distances_are_plausible(rides_database: RidesDatabase) -> dg.AssetCheckResult:
    """No ride has a negative or an implausibly long distance."""
    with rides_database.open() as store:
        count = store.count(~schema.rides.c.distance.between(0, LONGEST_RIDE))
    return dg.AssetCheckResult(
        passed=not count,
        metadata={
            "rides": count,
            # As text: a number that never changes would be plotted.
            "plausible": f"0 to {LONGEST_RIDE}, in the unit of the API",
        },
    )


@dg.asset_check(asset=rides)
def every_ride_has_its_driver(rides_database: RidesDatabase) -> dg.AssetCheckResult:
    """Every ride has its driver and its user.

    Foreign keys ensure that, but only in programs that enable them.
    """
    with rides_database.open() as store:
        orphans = store.count(
            schema.rides.c.driver_uuid.not_in(sa.select(schema.drivers.c.driver_uuid))
            | schema.rides.c.user_uuid.not_in(sa.select(schema.users.c.user_uuid))
        )
    return dg.AssetCheckResult(passed=not orphans, metadata={"rides": orphans})
