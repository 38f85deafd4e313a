"""What a worker runs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("dagster_celery")

pytestmark = pytest.mark.slow


def test_a_worker_of_an_instance_without_workers_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    ended = subprocess.run(
        [sys.executable, "-m", "celery", "--app", "sales_assets.instance.worker", "worker"],
        env={**os.environ, "DAGSTER_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode != 0
    assert "set DAGSTER_HOME to a directory with the dagster.workers.yaml" in ended.stderr
