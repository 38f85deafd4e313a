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


BROKER = {"DAGSTER_CELERY_BROKER": "redis://127.0.0.1:1/0"}


@pytest.mark.parametrize(
    ("section", "variables", "says"),
    [
        ("telemetry", {}, "set DAGSTER_HOME to a directory with"),
        ("run_launcher", {"BASE_DIR": "s3://b/line\n", **BROKER}, "BASE_DIR is invalid; expected"),
        ("run_launcher", {"DAGSTER_CELERY_BROKER": "amqp://x"}, "Redis URL must specify one"),
        ("run_launcher", {}, '"DAGSTER_CELERY_BROKER" which is not set'),
    ],
)
def test_a_worker_with_a_wrong_setting_says_so_before_it_takes_a_run(
    tmp_path: Path, section: str, variables: dict[str, str], says: str
) -> None:
    parts = yaml.safe_load((PROJECT / "deploy/dagster.workers.yaml").read_text())
    kept = {name: parts[name] for name in {"telemetry", section}}
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(kept))
    ended = subprocess.run(
        [sys.executable, "-m", "celery", "--app", "sales_assets.instance.worker", "worker"],
        env={**os.environ, "DAGSTER_HOME": str(tmp_path), **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode != 0
    assert says in ended.stderr
