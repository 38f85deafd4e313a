"""The process that runs are forked from."""

import os
import signal
from pathlib import Path

import pytest

from sales_assets_tests.helpers.http_jobs_server import running_http_jobs

pytestmark = pytest.mark.slow


def test_a_fork_server_that_is_killed_is_started_again(tmp_path: Path) -> None:
    with running_http_jobs(tmp_path, SALES_API_URL="sample") as jobs:
        assert jobs.raw("2022-08-13").status_code == 201
        os.kill(jobs.fork_server(), signal.SIGKILL)
        assert jobs.raw("2022-08-14").status_code == 201
