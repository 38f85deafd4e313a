"""The checks of what the rides API brought, on a real file."""

from pathlib import Path
from typing import Any

import dagster as dg

from sales_assets.rides.checks import distances_are_plausible, every_ride_has_its_driver
from sales_assets.rides.database import RidesDatabase, RidesStore
from sales_assets_tests.helpers.rides_file import sql
from sales_assets_tests.helpers.rows import ride_answer


def test_negative_and_absurd_distances_are_kept_and_found(store: RidesStore, path: Path) -> None:
    assert judged(distances_are_plausible, path).passed
    for number, distance in enumerate((-0.1, 0.0, -0.0, 1000.0, 1000.5, 1e308)):
        store.store(ride_answer(f"r{number}", distance=distance))
    result = judged(distances_are_plausible, path)
    assert not result.passed
    assert result.metadata["rides"].value == 3


def test_a_ride_without_its_driver_is_found(store: RidesStore, path: Path) -> None:
    store.store(ride_answer())
    assert judged(every_ride_has_its_driver, path).passed
    sql(path, "INSERT INTO rides VALUES ('r3', 'u1', 'nobody', 1.0, 1.0)")
    result = judged(every_ride_has_its_driver, path)
    assert not result.passed
    assert result.metadata["rides"].value == 1


def judged(check: Any, path: Path) -> dg.AssetCheckResult:
    """Run a check by itself."""
    result: dg.AssetCheckResult = check(rides_database=RidesDatabase(path=str(path)))
    return result
