"""What the tests of the rides share: databases of their own."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from sales_assets.rides.database import RidesDatabase, RidesStore
from sales_assets_tests.helpers.postgres_server import DATABASE, USER, running_postgres
from sales_assets_tests.helpers.rides_file import sql

_numbers = itertools.count()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a file will be."""
    return tmp_path / "new" / "rides.db"


@pytest.fixture
def store(path: Path) -> Iterator[RidesStore]:
    """A new file, open."""
    with RidesDatabase(path=str(path)).open() as opened:
        yield opened


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A Postgres server."""
    try:
        with running_postgres("word") as port:
            yield f"postgresql://{USER}:word@127.0.0.1:{port}"
    except FileNotFoundError as error:
        pytest.skip(str(error))


@pytest.fixture
def postgres(postgres_server: str) -> str:
    """An empty database of that server."""
    name = f"rides_{next(_numbers)}"
    sql(f"{postgres_server}/{DATABASE}", f"CREATE DATABASE {name}")
    return f"{postgres_server}/{name}"


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
def place(request: pytest.FixtureRequest) -> str:
    """A database of each kind."""
    return str(request.getfixturevalue({"sqlite": "path", "postgres": "postgres"}[request.param]))


@pytest.fixture
def rides(place: str) -> Iterator[RidesStore]:
    """Such a database, open."""
    with RidesDatabase(path=place).open() as opened:
        yield opened
