"""What the tests of this directory share."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
import yaml

from sales_assets_tests.helpers.files import PROJECT


@pytest.fixture
def deployed(
    postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dg.DagsterInstance]:
    """An instance with the storage and the retries of the installation."""
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", postgres)
    parts = yaml.safe_load((PROJECT / "deploy/dagster.yaml").read_text("utf-8"))
    kept = ("run_storage", "event_log_storage", "schedule_storage", "run_retries", "telemetry")
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump({name: parts[name] for name in kept}))
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        yield instance
