"""What checks have found, in the rows that were made when they were planned."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable

from sales_assets.instance import check_evaluations
from sales_assets_tests.helpers.checked_days import STATUSES, check_days, is_evaluation


@pytest.fixture
def events(instance: dg.DagsterInstance) -> list[Any]:
    """The events of a run whose check has found something wrong on one day."""
    return check_days(instance)


@pytest.fixture
def planned(events: list[Any], tmp_path: Path) -> Iterator[SqliteEventLogStorage]:
    """A log that has all of them but what the check has found."""
    storage = SqliteEventLogStorage(str(tmp_path / "planned"))
    for event in events:
        if not is_evaluation(event):
            storage.store_event(event)
    yield storage
    storage.dispose()


def rows(storage: SqliteEventLogStorage) -> list[dict[str, Any]]:
    """The rows of the checks, but when they were made."""
    query = sa.select(AssetCheckExecutionsTable).order_by(AssetCheckExecutionsTable.c.partition)
    with storage.index_connection() as connection:
        found = connection.execute(query).mappings().all()
    return [{name: row[name] for name in row if name != "create_timestamp"} for row in found]


def test_the_rows_are_those_that_dagster_would_have_filled(
    events: list[Any], planned: SqliteEventLogStorage, tmp_path: Path
) -> None:
    own = SqliteEventLogStorage(str(tmp_path / "own"))
    for event in events:
        own.store_event(event)
    ids = [row["evaluation_event_storage_id"] for row in rows(own)]
    found = [*zip(filter(is_evaluation, events), ids, strict=True)]
    with planned.index_connection() as connection:
        assert check_evaluations.fill(connection, found)
    assert rows(planned) == rows(own)
    assert [row["execution_status"] for row in rows(planned)] == STATUSES


def test_what_was_never_planned_is_told(events: list[Any], planned: SqliteEventLogStorage) -> None:
    with planned.index_connection() as connection:
        connection.execute(AssetCheckExecutionsTable.delete())
        found = [(event, number) for number, event in enumerate(filter(is_evaluation, events), 1)]
        assert not check_evaluations.fill(connection, found)
