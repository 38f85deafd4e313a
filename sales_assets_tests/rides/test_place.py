"""What RIDES_DB may name, and what is refused without a word of its password."""

from pathlib import Path

import pytest

from sales_assets.rides.database import RidesDatabase
from sales_assets.rides.errors import RidesDatabaseError
from sales_assets_tests.helpers.rides_file import sql, stored
from sales_assets_tests.helpers.rows import ride_answer


@pytest.mark.parametrize(
    "place",
    [
        *("mysql://u:SECRET@h/db", "postgresql:/u:SECRET@h/db", "sqlite:////SECRET"),
        *("'postgresql://u:SECRET@h/db'", "//u:SECRET@h", "$X://u:SECRET@h"),
        *(":memory:", "", "$HOME/rides.db", "'rides.db'", "~nobody-here/rides.db"),
        *("postgresql://me:SECRET@host:port/rides", "postgres://me:SECRET@["),
        *("postgresql://host/rides?password=SECRET", "postgresql://h/r?sslp%61ssword=SECRET"),
        *("postgresql://host/?dsn=postgresql://me:SECRET@host", "postgresql://me:x@SECRET@host/r"),
        "postgresql://me/SECRET@host/rides",
    ],
)
def test_what_names_no_database_is_refused_and_not_shown_and_nothing_is_made(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: str
) -> None:
    monkeypatch.chdir(tmp_path)
    database = RidesDatabase(path=place)
    with pytest.raises(RidesDatabaseError, match=r"path of a SQLite|host name|extra") as error:
        database.open().__enter__()
    assert "SECRET" not in f"{error.value}{database!r}"
    assert not any(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize(
    "scheme", ["postgres", "POSTGRESQL", "postgresql+psycopg2", "postgresql+asyncpg", " postgresql"]
)
def test_any_scheme_of_postgres_names_a_server(postgres: str, scheme: str) -> None:
    address = f"{postgres.replace('postgresql', scheme, 1)}?connect_timeout=9"
    with RidesDatabase(path=address).open() as store:
        store.store(ride_answer())
        assert store.address == postgres.replace(":word@", ":***@")
    assert stored(postgres) == {"r1"}


@pytest.mark.slow
def test_the_options_of_an_address_count(postgres: str) -> None:
    sql(postgres, "CREATE SCHEMA mine")
    with RidesDatabase(path=f"{postgres}?options=-csearch_path%3Dmine").open() as store:
        store.store(ride_answer())
    assert sql(postgres, "SELECT ride_uuid FROM mine.rides") == [("r1",)]


@pytest.mark.slow
def test_text_is_stored_as_it_is_whatever_the_encoding_of_the_client(postgres: str) -> None:
    with RidesDatabase(path=f"{postgres}?client_encoding=LATIN1").open() as store:
        store.store(ride_answer("Ж🚕"))
    assert stored(postgres) == {"Ж🚕"}
