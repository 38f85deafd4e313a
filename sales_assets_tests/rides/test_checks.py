"""The checks of what the rides API brought, on a real file."""

from pathlib import Path
from typing import Any

from sales_assets.rides.checks import distances_are_plausible, every_ride_has_its_driver
from sales_assets.rides.database import RidesDatabase, RidesStore
from sales_assets_tests.helpers.rides_file import sql
from sales_assets_tests.helpers.rows import ride_answer


def bad_rides(check: Any, path: Path) -> int:
    """Run a check by itself; give how many rides it found."""
    result = check(rides_database=RidesDatabase(path=str(path)))
    found = int(result.metadata["rides"].value)
    assert result.passed == (found == 0)
    return found


def test_negative_and_absurd_distances_are_kept_and_found(store: RidesStore, path: Path) -> None:
    assert bad_rides(distances_are_plausible, path) == 0
    for number, distance in enumerate((-0.1, 0.0, -0.0, 1000.0, 1000.5, 1e308)):
        store.store(ride_answer(f"r{number}", distance=distance))
    assert bad_rides(distances_are_plausible, path) == 3


def test_a_ride_without_its_driver_is_found(store: RidesStore, path: Path) -> None:
    store.store(ride_answer())
    assert bad_rides(every_ride_has_its_driver, path) == 0
    sql(path, "INSERT INTO rides VALUES ('r3', 'u1', 'nobody', 1.0, 1.0)")
    assert bad_rides(every_ride_has_its_driver, path) == 1
