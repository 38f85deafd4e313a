"""Celery's way to Redis, when something else is there."""

import pytest

pytest.importorskip("dagster_celery")

import dagster as dg

from sales_assets_tests.helpers.workers import Redis, Workers

pytestmark = pytest.mark.slow


def test_a_worker_drops_what_is_not_a_message(workers: Workers, redis: Redis) -> None:
    worker = workers.start("one")
    for message in (b"no JSON", b"{}", b"[]", b"null", b'{"properties": {}, "body": 3}', b"\xff"):
        redis.push(message)
    workers.release()
    workers.wait_until(workers.launch(), dg.DagsterRunStatus.SUCCESS)
    assert worker.poll() is None
