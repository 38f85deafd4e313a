"""The run launcher for workers: queues, and which runs live."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

pytest.importorskip("dagster_celery")

from dagster._core.launcher import WorkerStatus

from sales_assets.instance import celery_launcher
from sales_assets.instance.celery_launcher import LOOKS
from sales_assets_tests.helpers.workers import Redis, Workers, running_redis

pytestmark = pytest.mark.slow

STARTED, SUCCESS = dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.SUCCESS


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    """A Redis server."""
    (tmp_path / "redis").mkdir()
    with running_redis(tmp_path / "redis") as running:
        yield running


@pytest.fixture
def workers(redis: Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workers]:
    """An instance for workers, none of which was started yet."""
    monkeypatch.setattr(celery_launcher, "PATIENCE", 0.5)
    (tmp_path / "home").mkdir()
    running = Workers(tmp_path / "home", redis)
    try:
        yield running
    finally:
        running.stop()


def looks(workers: Workers, run: dg.DagsterRun, most: int = LOOKS + 2) -> int | None:
    """Count the looks until a run is dead; None when it never is."""
    found = workers.instance.get_run_by_id(run.run_id)
    assert found
    for look in range(1, most + 1):
        health = workers.instance.run_launcher.check_run_worker_health(found)
        if health.status != WorkerStatus.RUNNING:
            return look
    return None


def test_a_run_of_the_schedule_does_not_wait_behind_a_backfill(workers: Workers) -> None:
    backfill = [workers.launch(**{"dagster/backfill": "one"}) for _ in range(2)]
    scheduled = workers.launch()
    workers.start("daily", "runs")
    workers.wait_until(scheduled, STARTED)
    assert {workers.status(run) for run in backfill} == {dg.DagsterRunStatus.STARTING}
    workers.start("any")
    workers.release()
    for run in (scheduled, *backfill):
        workers.wait_until(run, SUCCESS)


def test_a_run_that_a_worker_has_is_left_alone(workers: Workers) -> None:
    workers.start("one")
    run = workers.launch()
    workers.wait_until(run, STARTED)
    assert looks(workers, run) is None


def test_a_run_whose_worker_was_killed_is_dead_even_if_that_is_back(workers: Workers) -> None:
    worker = workers.start("one")
    run = workers.launch()
    workers.wait_until(run, STARTED)
    workers.kill(worker)
    assert looks(workers, run) == LOOKS
    workers.start("one")
    assert looks(workers, run) == LOOKS


def test_a_run_is_left_alone_while_nobody_can_be_asked(workers: Workers, redis: Redis) -> None:
    workers.start("one")
    run = workers.launch()
    workers.wait_until(run, STARTED)
    redis.kill()
    assert looks(workers, run) is None
    redis.start()


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace to make a disk slow")
def test_a_redis_that_is_killed_loses_no_run(workers: Workers, redis: Redis) -> None:
    redis.kill()
    redis.start(slow_disk=True)
    runs = [workers.launch() for _ in range(3)]
    redis.kill()
    redis.start()
    assert redis.waiting("runs") == 3
    workers.release()
    workers.start("one")
    for run in runs:
        workers.wait_until(run, SUCCESS)


def test_a_run_that_waits_for_a_worker_can_be_canceled(workers: Workers) -> None:
    run = workers.launch()
    assert workers.instance.run_launcher.terminate(run.run_id)
    workers.start("one")
    workers.release()
    workers.wait_until(workers.launch(), SUCCESS)
    assert workers.status(run) == dg.DagsterRunStatus.CANCELED


def test_a_run_that_is_canceled_leaves_its_worker_to_the_next_one(workers: Workers) -> None:
    workers.start("one")
    run = workers.launch()
    workers.wait_until(run, STARTED)
    assert workers.instance.run_launcher.terminate(run.run_id)
    assert workers.status(run) == dg.DagsterRunStatus.CANCELED
    workers.wait_until(workers.launch(), STARTED)


def test_a_worker_takes_one_run_and_leaves_the_next_one_to_others(workers: Workers) -> None:
    workers.start("one")
    first, second = workers.launch(), workers.launch()
    workers.wait_until(first, STARTED)
    workers.start("two")
    workers.wait_until(second, STARTED)
