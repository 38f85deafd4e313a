"""Asset checks of what the rides API brought and the database does not guard by itself.

That the statistics agree with the rides is checked where they are computed (`assets`), since only
there both are of the same moment.
"""

import dagster as dg

from sales_assets.rides.assets import rides
from sales_assets.rides.columns import column_schema, table
from sales_assets.rides.database import RidesDatabase
from sales_assets.rides.ride import Ride

LONGEST_RIDE = 1000
"""The longest distance that a taxi is believed to drive, in the unit of the API."""


@dg.asset_check(asset=rides)
def distances_are_plausible(rides_database: RidesDatabase) -> dg.AssetCheckResult:
    """No ride has a negative or an absurd distance."""
    with rides_database.open() as store:
        count, first = store.implausible_rides(LONGEST_RIDE)
    return dg.AssetCheckResult(
        passed=not count,
        metadata={
            "rides": count,
            # As text: a number that never changes would be plotted.
            "believed": f"0 to {LONGEST_RIDE}, in the unit of the API",
            "first_rides": table(column_schema(Ride), first),
        },
    )


@dg.asset_check(asset=rides)
def every_ride_has_its_driver(rides_database: RidesDatabase) -> dg.AssetCheckResult:
    """The driver and the user of every ride are known.

    Foreign keys see to that, but only with programs that switch them on.
    """
    with rides_database.open() as store:
        orphans = store.count_orphans()
    return dg.AssetCheckResult(passed=not orphans, metadata={"rides": orphans})
