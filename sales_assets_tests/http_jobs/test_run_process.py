"""What is said of a run that came to no end of its own."""

import dagster as dg
import pytest
from dagster._core.test_utils import create_run_for_test

from sales_assets.http_jobs.run_process import mark_as_failed

STARTED, FAILURE = dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.FAILURE
ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.CANCELED]


def marked(instance: dg.DagsterInstance, status: dg.DagsterRunStatus) -> dg.DagsterRunStatus:
    """Mark a run of this status as failed; give the status that it has then."""
    run_id: str = create_run_for_test(instance, status=status).run_id
    mark_as_failed(instance, run_id, "the server stopped")
    run = instance.get_run_by_id(run_id)
    assert run
    return run.status


def test_a_run_that_was_under_way_has_failed(instance: dg.DagsterInstance) -> None:
    assert marked(instance, STARTED) == FAILURE


@pytest.mark.parametrize("status", ENDED)
def test_a_run_that_has_ended_is_left_as_it_is(
    instance: dg.DagsterInstance, status: dg.DagsterRunStatus
) -> None:
    assert marked(instance, status) == status


def test_a_run_that_was_never_recorded_is_no_matter(instance: dg.DagsterInstance) -> None:
    mark_as_failed(instance, "unknown", "the server stopped")
    assert instance.get_runs() == []
