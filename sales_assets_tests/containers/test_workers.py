"""Runs on workers in containers of their own, which come, go, die and are cut off."""

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import pytest
import requests

from sales_assets_tests.helpers.container_engine import docker
from sales_assets_tests.helpers.containers import EVERYWHERE, NETWORK, Containers, running_workers
from sales_assets_tests.helpers.programs import wait_for
from sales_assets_tests.helpers.rows import days_from
from sales_assets_tests.helpers.s3_server import BUCKET, running_s3

pytestmark = pytest.mark.containers

DAYS = days_from("2023-01-01", 90)
STOPPED, FLUSHED, REFUSED = (days_from(f"2024-{month}-01") for month in ("01", "03", "05"))
SCHEDULED = "2023-06-01"
# A run of ten days takes long enough for something to happen to its worker.
SLOW = [{"delay": 2}]


@pytest.fixture(scope="module")
def s3() -> Iterator[int]:
    """The port of an S3 server of this machine, with a bucket."""
    with running_s3(EVERYWHERE) as port:
        yield port


@pytest.fixture(scope="module")
def containers(
    image: str, s3: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Containers]:
    """The running installation, with three workers."""
    with running_workers(tmp_path_factory.mktemp("workers"), s3, 3, SLOW) as running:
        yield running


class Storm(NamedTuple):
    """The ids of a backfill and of a run of the schedule that was requested meanwhile."""

    backfill: str
    scheduled: str


def statuses(containers: Containers, backfill: str) -> list[str]:
    return [run["status"] for run in containers.ui.runs_of(backfill)]


def scale(containers: Containers, workers: int) -> None:
    containers.scale["worker"] = workers
    containers.compose("up", "-d", "--no-recreate", "--scale", f"worker={workers}")


@pytest.fixture(scope="module")
def storm(containers: Containers) -> Storm:
    """A backfill of 90 days in nine runs, and all that can happen to three workers."""
    ui = containers.ui
    backfill = ui.backfill(DAYS)
    wait_for("three runs", lambda: statuses(containers, backfill).count("STARTED") == 3, 120)
    [_, cut_off, _] = containers.ids("worker")
    containers.kill("worker")
    docker("network", "disconnect", NETWORK, cut_off)
    cut = time.monotonic()
    scheduled = ui.launch("sales", partition=SCHEDULED)
    containers.kill("redis")
    scale(containers, 4)
    time.sleep(max(0, 60 - (time.monotonic() - cut)))
    docker("network", "connect", NETWORK, cut_off)
    # The last one that was added goes again.
    docker("stop", "--time", "60", containers.ids("worker")[-1])
    ui.wait_for_backfill(backfill, 600)
    return Storm(backfill, scheduled)


def test_all_days_are_stored_and_recorded_once_whatever_happens_to_workers(
    containers: Containers, storm: Storm
) -> None:
    containers.prove(DAYS)
    for asset in ("raw_sales", "stg_sales"):
        assert containers.ui.materializations(asset, DAYS) == DAYS


def test_no_run_is_left_and_those_that_died_were_started_again(
    containers: Containers, storm: Storm
) -> None:
    ends = statuses(containers, storm.backfill)
    assert set(ends) == {"SUCCESS", "FAILURE"}
    # That of the worker that was killed, and that of the one that was cut off for too long.
    assert (ends.count("SUCCESS"), ends.count("FAILURE") >= 2) == (9, True)


def test_the_run_of_the_schedule_does_not_wait_for_the_backfill(
    containers: Containers, storm: Storm
) -> None:
    [scheduled] = containers.ui.runs(runIds=[storm.scheduled])
    assert scheduled["status"] == "SUCCESS"
    ends = [run["stats"]["endTime"] for run in containers.ui.runs_of(storm.backfill)]
    assert scheduled["stats"]["endTime"] < max(ends)


def test_what_a_run_prints_is_in_the_object_store(s3: int, storm: Storm) -> None:
    prefix = f"compute_logs/storage/{storm.scheduled}/"
    bucket = f"http://127.0.0.1:{s3}/{BUCKET}"
    listing = requests.get(bucket, {"prefix": prefix, "list-type": "2"}, timeout=30)
    assert f"<Key>{prefix}" in listing.text


def backfill_in_which(
    containers: Containers, days: list[str], happen: Callable[[], object], under_way: int
) -> list[str]:
    """Let something happen once some runs are under way; give how all of them ended."""
    backfill = containers.ui.backfill(days)

    def ready() -> bool:
        now = statuses(containers, backfill)
        return len(now) == 3 and now.count("STARTED") >= under_way

    wait_for("runs", ready, 180)
    happen()
    containers.ui.wait_for_backfill(backfill, 600)
    containers.prove(days)
    return statuses(containers, backfill)


def test_workers_that_are_told_to_stop_end_their_runs(containers: Containers, storm: Storm) -> None:
    # Two of the three workers are stopped: at least one of these two runs is on one of them.
    happen = partial(scale, containers, 1)
    assert backfill_in_which(containers, STOPPED, happen, 2) == ["SUCCESS"] * 3


def test_runs_that_redis_has_lost_are_put_again(containers: Containers, storm: Storm) -> None:
    lose = "REDISCLI_AUTH=$REDIS_PASSWORD redis-cli FLUSHALL"
    happen = partial(containers.run, "redis", "sh", "-c", lose)
    assert backfill_in_which(containers, FLUSHED, happen, 1) == ["SUCCESS"] * 3


@pytest.mark.skipif(not shutil.which("iptables"), reason="needs iptables")
def test_an_object_store_that_refuses_for_a_minute_is_waited_for(
    containers: Containers, storm: Storm, s3: int
) -> None:
    rule = ["INPUT", "-p", "tcp", "--dport", str(s3), "-j", "REJECT", "--reject-with", "tcp-reset"]

    def refuse() -> None:
        subprocess.run(["iptables", "-I", *rule], check=True)  # noqa: S603, S607
        time.sleep(60)
        subprocess.run(["iptables", "-D", *rule], check=True)  # noqa: S603, S607

    ends = backfill_in_which(containers, REFUSED, refuse, 1)
    # One that has waited for too long is started again.
    assert ends.count("SUCCESS") == len(ends) - ends.count("FAILURE") == 3


COUNT_RIDES = """
PGPASSWORD=$POSTGRES_PASSWORD psql -h 127.0.0.1 -U dagster rides -Atc 'SELECT count(*) FROM rides'
"""


def test_rides_are_in_postgres(containers: Containers, storm: Storm) -> None:
    assert int(containers.run("postgres", "sh", "-c", COUNT_RIDES)) > 0
