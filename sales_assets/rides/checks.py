"""Asset checks of what the rides API brought and the database does not guard by itself."""

import dagster as dg

from sales_assets.rides.assets import rides
from sales_assets.rides.database import RidesDatabase

LONGEST_RIDE = 1000
"""The longest distance that a taxi is believed to drive, in the unit of the API."""


@dg.asset_check(asset=rides)
def distances_are_plausible(rides_database: RidesDatabase) -> dg.AssetCheckResult:
    """No ride has a negative or an absurd distance."""
    with rides_database.open() as store:
        count = store.count_implausible_rides(LONGEST_RIDE)
    return dg.AssetCheckResult(
        passed=not count,
        metadata={
            "rides": count,
            # As text: a number that never changes would be plotted.
            "believed": f"0 to {LONGEST_RIDE}, in the unit of the API",
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
