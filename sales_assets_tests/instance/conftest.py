"""What the tests of this directory share."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
import yaml

from sales_assets.instance.event_log import BATCH_SIZE_VARIABLE
from sales_assets.instance.run_launcher import BACKFILLS_WAIT_VARIABLE
from sales_assets_tests.helpers.dagster_dev import copy_home
from sales_assets_tests.helpers.files import PROJECT


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """An instance as this project ships it; what it sets stays out of other tests."""
    monkeypatch.setenv(BATCH_SIZE_VARIABLE, "3")
    monkeypatch.setenv(BACKFILLS_WAIT_VARIABLE, "1")
    with dg.DagsterInstance.from_config(str(copy_home(tmp_path))) as instance:
        yield instance


@pytest.fixture
def deployed(
    postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dg.DagsterInstance]:
    """An instance with the storage and the retries of the installation."""
    pytest.importorskip("dagster_postgres")
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", postgres)
    parts = yaml.safe_load((PROJECT / "deploy/dagster.yaml").read_text("utf-8"))
    kept = ("run_storage", "event_log_storage", "schedule_storage", "run_retries", "telemetry")
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump({name: parts[name] for name in kept}))
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        yield instance


@pytest.fixture(params=["shipped", "deployed"], ids=["SQLite", "Postgres"])
def either(request: pytest.FixtureRequest) -> dg.DagsterInstance:
    """Each of the two."""
    instance: dg.DagsterInstance = request.getfixturevalue(request.param)
    return instance
