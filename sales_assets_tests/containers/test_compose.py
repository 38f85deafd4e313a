"""All services in containers: at work, without rights, and taken down."""

from collections.abc import Iterator

import pytest
import requests

from sales_assets_tests.helpers.containers import ADDRESS, Containers, running_containers
from sales_assets_tests.helpers.rows import days_from

pytestmark = pytest.mark.containers

DAYS = days_from("2023-01-01")


@pytest.fixture(scope="module")
def containers(image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Containers]:
    """The running installation."""
    with running_containers(tmp_path_factory.mktemp("containers")) as running:
        yield running


def test_a_backfill_of_30_days_is_stored_and_recorded(containers: Containers) -> None:
    containers.ui.wait_for_backfill(containers.ui.backfill(DAYS))
    containers.prove(DAYS)


def test_http_jobs_are_done_for_those_who_have_the_token(containers: Containers) -> None:
    day = "2022-08-09"
    raw_dir = f"/data/http_storage/raw/sales/{day}"
    stg_dir = f"/data/http_storage/stg/sales/{day}"
    raw, stg = {"date": day, "raw_dir": raw_dir}, {"raw_dir": raw_dir, "stg_dir": stg_dir}
    header = {"Authorization": f"Bearer {containers.secrets['SALES_HTTP_TOKEN']}"}
    for port, body in ((8081, raw), (8082, stg)):
        url = f"http://{ADDRESS}:{port}/"
        assert requests.post(url, json=body, timeout=60).status_code == 401
        assert requests.post(url, json=body, headers=header, timeout=60).status_code == 201
    assert containers.run("http-jobs", "ls", stg_dir) == f"sales_{day}.avro"


def test_no_service_has_rights_or_can_write_but_to_its_volumes(containers: Containers) -> None:
    for service in set(containers.services()) - {"migrate"}:
        status = containers.run(service, "cat", "/proc/1/status")
        lines = dict(line.split(":\t", 1) for line in status.splitlines())
        assert int(lines["CapEff"], 16) == int(lines["CapBnd"], 16) == 0, service
        assert lines["NoNewPrivs"] == "1", service
        assert lines["Uid"].split()[0] != "0", service
        written = containers.run(service, "sh", "-c", "touch /opt/x /var/x 2>&1; true")
        assert written.count("Read-only file system") == 2, service


COUNT_RIDES = """
import sqlite3
[[count]] = sqlite3.connect("/data/rides/rides.db").execute("SELECT count(*) FROM rides")
print(count)
"""


def rides(containers: Containers) -> int:
    return int(containers.run("pull-rides", "python", "-c", COUNT_RIDES))


def test_data_history_and_rides_survive_down_and_up(containers: Containers) -> None:
    runs = [run["runId"] for run in containers.ui.runs()]
    pulled = rides(containers)
    assert pulled > 0
    containers.compose("down", "--timeout", "20")
    containers.up()
    assert [run["runId"] for run in containers.ui.runs()][: len(runs)] == runs
    assert rides(containers) >= pulled
    containers.prove(DAYS)
