"""Asset checks of what the rides API brought and SQLite does not guard by itself.

That the statistics agree with the rides is checked where they are computed (`rides`), since only
there both are of the same moment.
"""

import dagster as dg

from sales_assets.feed.markdown_table import markdown_table
from sales_assets.rides.assets import rides
from sales_assets.rides.database import RidesDatabase

LONGEST_RIDE = 1000
"""The longest distance that a taxi is believed to drive, in the unit of the API."""

_IMPLAUSIBLE = f"distance NOT BETWEEN 0 AND {LONGEST_RIDE}"


@dg.asset_check(asset=rides)
def distances_are_plausible(rides_database: RidesDatabase) -> dg.AssetCheckResult:
    """No ride has a negative or an absurd distance."""
    with rides_database.open() as store:
        [count] = store.rows(f"SELECT COUNT(*) AS rides FROM rides WHERE {_IMPLAUSIBLE}")  # noqa: S608
        first = store.rows(
            f"SELECT * FROM rides WHERE {_IMPLAUSIBLE} ORDER BY ride_uuid LIMIT 10"  # noqa: S608
        )
    return dg.AssetCheckResult(
        passed=not count["rides"],
        metadata={
            "rides": count["rides"],
            "believed_up_to": LONGEST_RIDE,
            "first_rides": dg.MetadataValue.md(markdown_table(first)),
        },
    )


@dg.asset_check(asset=rides)
def every_ride_has_its_driver(rides_database: RidesDatabase) -> dg.AssetCheckResult:
    """The driver and the user of every ride are known.

    Foreign keys see to that, but only with programs that switch them on.
    """
    with rides_database.open() as store:
        orphans = store.rows("PRAGMA foreign_key_check(rides)")
    missing = {
        parent: sum(orphan["parent"] == parent for orphan in orphans)
        for parent in ("drivers", "users")
    }
    return dg.AssetCheckResult(
        passed=not orphans, metadata={f"rides_without_{k}": n for k, n in missing.items()}
    )
