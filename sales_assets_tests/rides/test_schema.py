"""The tables, and what becomes of files that have others."""

import re
from pathlib import Path

import pytest

from sales_assets.rides.database import RidesDatabase
from sales_assets.rides.errors import RidesDatabaseError
from sales_assets.rides.schema import VERSION
from sales_assets_tests.helpers.rides_file import OLD_TABLES, compute, sql
from sales_assets_tests.helpers.rows import ride_answer

_OTHER = "its tables are not those of sales_assets .*: restore it .* or set RIDES_DB"
_NO_VERSION = "alembic_version does not contain a version of the rides: set RIDES_DB"


@pytest.mark.usefixtures("store")
def test_a_new_file_has_the_tables_that_files_of_old_versions_have(path: Path) -> None:
    old = path.with_name("old.db")
    sql(old, *OLD_TABLES[2])
    for table in ("drivers", "users", "rides", "driver_statistics"):
        for pragma in ("table_info", "foreign_key_list", "index_list"):
            assert sql(path, f"PRAGMA {pragma}({table})") == sql(old, f"PRAGMA {pragma}({table})")
    strict = "SELECT name, strict FROM pragma_table_list WHERE name IN ('rides', 'users')"
    assert sorted(sql(path, strict)) == [("rides", 1), ("users", 1)]


def opened(place: Path | str) -> str:
    """Open a database that is refused; return the reason."""
    with pytest.raises(RidesDatabaseError) as refused, RidesDatabase(path=str(place)).open():
        pass
    assert str(place).replace(":word@", ":***@") in str(refused.value)
    return str(refused.value)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("statements", "reason"),
    [
        (["DROP TABLE alembic_version", "CREATE TABLE rides (id integer)"], _OTHER),
        (["INSERT INTO alembic_version VALUES ('99')"], "version is 99.*newer sales_assets"),
        (["INSERT INTO alembic_version VALUES ('2')"], _OTHER),
        ([], _NO_VERSION),
        (["INSERT INTO alembic_version VALUES ('29b539ebc72a')"], _NO_VERSION),
        (["INSERT INTO alembic_version VALUES ('1'), ('2')"], _NO_VERSION),
        (["ALTER TABLE alembic_version DROP version_num"], "tables are not those of this version"),
    ],
)
def test_a_database_of_something_else_is_refused_and_left_as_it_is(
    postgres: str, statements: list[str], reason: str
) -> None:
    sql(postgres, "CREATE TABLE alembic_version (version_num varchar(32))", *statements)
    tables = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
    before = sql(postgres, tables)
    assert re.search(reason, opened(postgres))
    assert sql(postgres, tables) == before


@pytest.mark.slow
def test_the_database_of_dagster_is_refused(postgres: str) -> None:
    storages = pytest.importorskip("dagster_postgres")
    for storage in (storages.PostgresEventLogStorage, storages.PostgresRunStorage):
        storage.create_clean_storage(postgres).dispose()
    assert "does not contain a version of the rides: set RIDES_DB" in opened(postgres)


@pytest.mark.slow
def test_a_database_that_cannot_hold_every_text_is_refused(postgres: str) -> None:
    sql(postgres, "CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    reason = opened(postgres.rpartition("/")[0] + "/latin")
    assert re.search("its encoding is LATIN1.*createdb --encoding=UTF8", reason)


@pytest.mark.slow
def test_a_database_that_alembic_made_is_taken_over_with_its_rides(postgres: str) -> None:
    with RidesDatabase(path=postgres).open() as store:
        store.store(ride_answer())
    sql(postgres, "DROP TABLE driver_statistics", "UPDATE alembic_version SET version_num = '1'")
    assert len(compute(postgres)) == 1
    assert sql(postgres, "SELECT version_num FROM alembic_version") == [(str(VERSION),)]


@pytest.mark.parametrize("version", [1, 2])
def test_a_file_of_an_older_version_is_taken_over_with_its_rides(
    tmp_path: Path, version: int
) -> None:
    path = tmp_path / "old.db"
    sql(
        path,
        *OLD_TABLES[version],
        f"PRAGMA user_version = {version}",
        "INSERT INTO drivers VALUES ('d1', 'Ada', 'Byron', 'c1', '2020-01-01', NULL)",
        "INSERT INTO users VALUES ('u1', 'Bob', 'Babbage', 0)",
        "INSERT INTO rides VALUES ('r0', 'u1', 'd1', 4.0, 9.0)",
    )
    with RidesDatabase(path=str(path)).open() as store:
        store.store(ride_answer())
    [row] = compute(path)
    assert (row["total_distance"], row["rides"]) == (6.5, 2)
    assert sql(path, "PRAGMA user_version") == [(VERSION,)]


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("PRAGMA user_version = 99", "version is 99.*newer sales_assets"),
        ("CREATE TABLE rides (id)", _OTHER),
        ("PRAGMA user_version = 1", _OTHER),
        ("PRAGMA user_version = -5; CREATE TABLE other (id)", _OTHER),
        ("PRAGMA user_version = 2", _OTHER),
    ],
)
def test_a_file_of_something_else_is_refused_and_left_as_it_is(
    tmp_path: Path, statement: str, reason: str
) -> None:
    path = tmp_path / "other.db"
    sql(path, *statement.split("; "))
    before = path.read_bytes()
    assert re.search(reason, opened(path))
    assert path.read_bytes() == before
