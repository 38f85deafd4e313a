"""A Postgres server as the place of the rides."""

import pytest

from sales_assets.rides.database import RidesDatabase
from sales_assets.rides.errors import RidesDatabaseError
from sales_assets_tests.helpers.rides_file import sql, stored
from sales_assets_tests.helpers.rows import ride_answer

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    "scheme", ["postgres", "POSTGRESQL", "postgresql+psycopg2", "postgresql+asyncpg", " postgresql"]
)
def test_any_scheme_of_postgres_names_a_server(postgres: str, scheme: str) -> None:
    address = f"{postgres.replace('postgresql', scheme, 1)}?connect_timeout=9"
    with RidesDatabase(path=address).open() as store:
        store.store(ride_answer())
        assert store.address == postgres.replace(":word@", ":***@")
    assert stored(postgres) == {"r1"}


def test_a_connection_that_was_cut_is_made_anew(postgres: str) -> None:
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
    with RidesDatabase(path=postgres).open() as store:
        store.store(ride_answer("r1"))
        sql(postgres, cut)
        assert store.store(ride_answer("r2"))
    assert stored(postgres) == {"r1", "r2"}


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://me:hush@host:port/rides",
        "postgres://me:hush@[",
        "postgresql://host/rides?user=me&password=hush",
        "postgresql://host/rides?user=me&sslp%61ssword=hush",
        "postgresql://host/?dsn=postgresql://me:hush@host",
        "postgresql://me:x@hush@host/rides",
        "postgresql://me/hush@host/rides",
    ],
)
def test_what_is_not_an_address_is_refused_and_not_shown(address: str) -> None:
    with pytest.raises(RidesDatabaseError) as refused, RidesDatabase(path=address).open():
        pass
    assert "hush" not in str(refused.value)


def test_the_password_is_not_in_the_repr_of_the_resource() -> None:
    assert "hush" not in repr(RidesDatabase(path="postgres://me:hush@host/rides"))
