"""What a worker runs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from sales_assets_tests.helpers.files import PROJECT

pytest.importorskip("dagster_celery")

pytestmark = pytest.mark.slow


def started(home: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Start a worker that is to end by itself."""
    return subprocess.run(
        [sys.executable, "-m", "celery", "--app", "sales_assets.instance.worker", "worker"],
        env={**os.environ, "DAGSTER_HOME": str(home), **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_worker_of_an_instance_without_workers_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    ended = started(tmp_path)
    assert ended.returncode != 0
    assert "set DAGSTER_HOME to a directory with" in ended.stderr


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"BASE_DIR": "s3://bucket/line\n"}, "BASE_DIR is invalid; expected a local path"),
        ({"DAGSTER_CELERY_BROKER": "amqp://somewhere"}, "Redis URL must specify one of"),
        ({}, '"DAGSTER_CELERY_BROKER" which is not set'),
    ],
)
def test_a_worker_with_a_wrong_setting_says_so_before_it_takes_a_run(
    tmp_path: Path, variables: dict[str, str], says: str
) -> None:
    given = {"DAGSTER_CELERY_BROKER": "redis://127.0.0.1:1/0"} if "BASE_DIR" in variables else {}
    parts = yaml.safe_load((PROJECT / "deploy/dagster.workers.yaml").read_text())
    kept = {"run_launcher": parts["run_launcher"], "telemetry": parts["telemetry"]}
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(kept))
    ended = started(tmp_path, **given, **variables)
    assert ended.returncode != 0
    assert says in ended.stderr
