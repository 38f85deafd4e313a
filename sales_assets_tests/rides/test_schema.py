"""The tables, and what becomes of files that have others."""

import sqlite3
from pathlib import Path

import pytest

from sales_assets.rides.database import RidesDatabase, RidesStore
from sales_assets.rides.errors import RidesDatabaseError
from sales_assets.rides.schema import MIGRATIONS, RidesSchemaError, require_sqlite
from sales_assets_tests.helpers.rides_file import compute, sql
from sales_assets_tests.helpers.rows import ride_answer


@pytest.mark.usefixtures("store")
def test_a_new_file_says_its_schema_version(path: Path) -> None:
    assert sql(path, "PRAGMA user_version") == [(len(MIGRATIONS),)]


@pytest.mark.usefixtures("store")
def test_the_tables_have_the_columns_that_were_agreed_on(path: Path) -> None:
    columns = {
        table: [row[1] for row in sql(path, f"PRAGMA table_info({table})")]
        for table in ("rides", "drivers", "users", "driver_statistics")
    }
    assert columns == {
        "rides": ["ride_uuid", "user_uuid", "driver_uuid", "distance", "price"],
        "drivers": ["driver_uuid", "name", "surname", "car_uuid", "effective_from", "expiry_date"],
        "users": ["user_uuid", "name", "surname", "is_driver"],
        "driver_statistics": [
            "driver_uuid",
            "total_distance",
            "rides",
            "total_price",
            "average_distance",
            "updated_at",
        ],
    }


def test_a_file_of_the_first_version_is_migrated_and_keeps_its_rides(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    sql(
        path,
        *MIGRATIONS[0],
        "PRAGMA user_version = 1",
        "INSERT INTO drivers VALUES ('d1', 'Ada', 'Byron', 'c1', '2020-01-01', NULL)",
        "INSERT INTO users VALUES ('u1', 'Bob', 'Babbage', 0)",
        "INSERT INTO rides VALUES ('r0', 'u1', 'd1', 4.0, 9.0)",
    )
    with RidesDatabase(path=str(path)).open() as store:
        store.store(ride_answer())
        [row] = compute(store)
    assert (row["total_distance"], row["rides"]) == (6.5, 2)
    assert sql(path, "PRAGMA user_version") == [(len(MIGRATIONS),)]


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("PRAGMA user_version = 99", "version is 99.*newer sales_assets"),
        ("CREATE TABLE rides (id)", "not made: set RIDES_DB"),
        ("PRAGMA user_version = 2", "lacks the table driver_statistics"),
    ],
)
def test_a_file_of_something_else_is_refused_and_left_as_it_is(
    tmp_path: Path, statement: str, reason: str
) -> None:
    path = tmp_path / "other.db"
    sql(path, statement)
    before = path.read_bytes()
    with (
        pytest.raises(RidesDatabaseError, match=reason),
        RidesDatabase(path=str(path)).open(),
    ):
        pass
    assert path.read_bytes() == before


def test_an_old_sqlite_is_refused() -> None:
    require_sqlite((3, 37, 0))
    with pytest.raises(RidesSchemaError, match=r"3\.36\.0.*STRICT tables need 3\.37"):
        require_sqlite((3, 36, 0))


def test_a_value_of_another_type_is_refused_by_the_table(store: RidesStore, path: Path) -> None:
    store.store(ride_answer())
    with pytest.raises(sqlite3.IntegrityError, match="TEXT value in REAL column"):
        sql(path, "UPDATE rides SET distance = 'far'")
