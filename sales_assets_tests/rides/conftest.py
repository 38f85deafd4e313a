"""What the tests of the rides share: databases of their own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sales_assets.rides.database import RidesDatabase, RidesStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a file will be."""
    return tmp_path / "new" / "rides.db"


@pytest.fixture
def store(path: Path) -> Iterator[RidesStore]:
    """A new file, open."""
    with RidesDatabase(path=str(path)).open() as opened:
        yield opened


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
def place(request: pytest.FixtureRequest) -> str:
    """A database of each kind."""
    return str(request.getfixturevalue({"sqlite": "path", "postgres": "postgres"}[request.param]))


@pytest.fixture
def rides(place: str) -> Iterator[RidesStore]:
    """Such a database, open."""
    with RidesDatabase(path=place).open() as opened:
        yield opened
