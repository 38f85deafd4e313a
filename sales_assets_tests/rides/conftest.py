"""What the tests of the rides share: a database of their own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sales_assets.rides.database import RidesDatabase, RidesStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the database will be."""
    return tmp_path / "new" / "rides.db"


@pytest.fixture
def store(path: Path) -> Iterator[RidesStore]:
    """A new database, open."""
    with RidesDatabase(path=str(path)).open() as opened:
        yield opened
