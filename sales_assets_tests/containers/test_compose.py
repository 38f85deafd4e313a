"""All services in containers: at work, without rights, killed, and taken down."""

import datetime
import time
from collections.abc import Iterator

import pytest
import requests

from sales_assets_tests.helpers.containers import ADDRESS, Containers, running_containers
from sales_assets_tests.helpers.waiting import wait_for

pytestmark = pytest.mark.containers


def month(first: str) -> list[str]:
    """Give 30 days."""
    day = datetime.date.fromisoformat(first)
    return [f"{day + datetime.timedelta(n)}" for n in range(30)]


CALM, STORMY = month("2023-01-01"), month("2023-03-01")
FAULTS = [{"date": STORMY[20], "page": 1, "delay": 20, "times": 1}]


@pytest.fixture(scope="module")
def containers(image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Containers]:
    """The running installation."""
    with running_containers(tmp_path_factory.mktemp("containers"), FAULTS) as running:
        yield running


def complete(containers: Containers, backfill: str, seconds: float = 300) -> None:
    """Wait until a backfill is complete."""

    def ended() -> bool:
        return containers.ui.backfill_status(backfill) not in ("REQUESTED", "CANCELING")

    wait_for("the backfill", ended, seconds)
    assert containers.ui.backfill_status(backfill) == "COMPLETED_SUCCESS"


def proven(containers: Containers, days: list[str]) -> None:
    """Assert that days are stored in both layers as they are recorded."""
    between = ("--from", days[0], "--to", days[-1])
    for command in ("verify", "status"):
        containers.run("code-location", "sales-assets", command, *between)


def test_a_backfill_of_30_days_is_stored_and_recorded(containers: Containers) -> None:
    complete(containers, containers.ui.backfill(CALM))
    proven(containers, CALM)


def test_http_jobs_are_done_for_those_who_have_the_token(containers: Containers) -> None:
    day = "2022-08-09"
    raw_dir = f"/data/http_storage/raw/sales/{day}"
    stg_dir = f"/data/http_storage/stg/sales/{day}"
    bodies = {
        8081: {"date": day, "raw_dir": raw_dir},
        8082: {"raw_dir": raw_dir, "stg_dir": stg_dir},
    }
    header = {"Authorization": f"Bearer {containers.secrets['SALES_HTTP_TOKEN']}"}
    for port, body in bodies.items():
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


def test_a_backfill_survives_a_code_location_that_is_killed_in_its_middle(
    containers: Containers,
) -> None:
    backfill = containers.ui.backfill(STORMY)

    def started() -> bool:
        return "STARTED" in {run["status"] for run in containers.ui.runs_of(backfill)}

    wait_for("a run", started, 120)
    containers.kill("code-location")
    killed = time.time()
    complete(containers, backfill)
    [dead, again] = containers.ui.runs_of(backfill)
    assert (dead["status"], again["status"]) == ("FAILURE", "SUCCESS")
    assert dead["stats"]["endTime"] - killed < 60
    proven(containers, STORMY)


def test_data_and_history_survive_down_and_up(containers: Containers) -> None:
    runs = [run["runId"] for run in containers.ui.runs()]
    containers.compose("down", "--timeout", "20")
    containers.up()
    assert [run["runId"] for run in containers.ui.runs()][: len(runs)] == runs
    proven(containers, CALM)
