"""The run launcher for workers: queues, and which runs live."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

pytest.importorskip("dagster_celery")

from dagster._core.errors import DagsterUserCodeUnreachableError

from sales_assets.instance.heartbeat import LOOKS_UNTIL_DEAD
from sales_assets_tests.helpers.heartbeats import is_alive, wait_for_a_beat
from sales_assets_tests.helpers.workers import Redis, Workers

pytestmark = pytest.mark.slow


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    """A Redis server."""
    if not shutil.which("redis-server"):
        pytest.skip("redis-server is not installed")
    server = Redis(tmp_path)
    yield server
    server.kill()


@pytest.fixture
def workers(redis: Redis, tmp_path: Path) -> Iterator[Workers]:
    """An instance for workers, none of which was started yet."""
    (tmp_path / "home").mkdir()
    running = Workers(tmp_path / "home", redis)
    yield running
    running.stop()


def stays_alive(workers: Workers, run: dg.DagsterRun) -> None:
    """Look at a run for longer than it takes to find a dead one."""
    for _ in range(2 * LOOKS_UNTIL_DEAD):
        wait_for_a_beat(workers.instance, run)
        assert is_alive(workers.instance, run)


def test_a_run_of_the_schedule_does_not_wait_behind_a_backfill(workers: Workers) -> None:
    backfill = [workers.launch(**{"dagster/backfill": "one"}) for _ in range(2)]
    workers.start("daily", "runs")
    scheduled = workers.launch_and_wait()
    assert {workers.status(run) for run in backfill} == {dg.DagsterRunStatus.STARTING}
    workers.start("any")
    workers.release(scheduled, *backfill)


def test_a_worker_that_is_told_to_stop_keeps_its_run(workers: Workers) -> None:
    worker = workers.start("one")
    run, next_one = workers.launch_and_wait(), workers.launch()
    worker.terminate()
    stays_alive(workers, run)
    workers.release(run)
    worker.wait(60)
    assert workers.status(next_one) == dg.DagsterRunStatus.STARTING


def test_a_run_whose_worker_was_killed_is_dead_even_if_that_is_back(workers: Workers) -> None:
    worker = workers.start("one")
    run = workers.launch_and_wait()
    worker.kill()
    workers.start("one")
    assert not all(is_alive(workers.instance, run) for _ in range(LOOKS_UNTIL_DEAD + 1))


def test_a_run_does_not_need_redis(workers: Workers, redis: Redis) -> None:
    workers.start("one")
    run = workers.launch_and_wait()
    redis.kill()
    stays_alive(workers, run)
    workers.release(run)


def test_while_redis_is_away_a_launch_waits_in_the_run_queue(
    workers: Workers, redis: Redis
) -> None:
    redis.kill()
    with pytest.raises(DagsterUserCodeUnreachableError, match="Redis is down"):
        workers.launch()
    redis.start()
    workers.start("one")
    workers.release(workers.launch())


def test_a_run_that_redis_has_lost_is_put_again(workers: Workers, redis: Redis) -> None:
    workers.start("one")
    runs = [
        workers.launch_and_wait(),
        workers.launch(**{"dagster/backfill": "one"}),
        workers.launch(),
    ]
    workers.launcher.queue_missing_runs()
    assert redis.waiting() == 2
    redis.flush()
    workers.launcher.queue_missing_runs()
    assert redis.waiting() == 0
    workers.launcher.queue_missing_runs()
    assert redis.waiting() == 2
    workers.release(*runs)


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace to make a disk slow")
def test_a_redis_that_is_killed_loses_no_run(workers: Workers, redis: Redis) -> None:
    redis.kill()
    redis.start(slow_disk=True)
    runs = [workers.launch() for _ in range(3)]
    redis.kill()
    redis.start()
    assert redis.waiting() == 3
    workers.start("one")
    workers.release(*runs)


def test_a_run_that_waits_for_a_worker_can_be_canceled(workers: Workers) -> None:
    run = workers.launch()
    assert workers.launcher.terminate(run.run_id)
    workers.start("one")
    workers.release(workers.launch())
    assert workers.status(run) == dg.DagsterRunStatus.CANCELED


@pytest.mark.parametrize("away", [False, True], ids=["as usual", "while Redis is away"])
def test_a_run_that_is_canceled_leaves_its_worker_to_the_next_one(
    workers: Workers, redis: Redis, away: bool
) -> None:
    workers.start("one")
    run = workers.launch_and_wait()
    if away:
        redis.kill()
    assert workers.launcher.terminate(run.run_id)
    if away:
        redis.start()
    workers.launch_and_wait()
    assert workers.status(run) == dg.DagsterRunStatus.CANCELED


def test_a_worker_drops_what_is_not_a_message(workers: Workers, redis: Redis) -> None:
    worker = workers.start("one")
    for message in (b"no JSON", b"{}", b"[]", b"null", b'{"properties": {}, "body": 3}', b"\xff"):
        redis.push(message)
    workers.release(workers.launch())
    assert worker.poll() is None


def test_a_worker_takes_one_run_and_leaves_the_next_one_to_others(workers: Workers) -> None:
    workers.start("one")
    _, second = workers.launch_and_wait(), workers.launch()
    workers.start("two")
    workers.wait_until(second, dg.DagsterRunStatus.STARTED)
