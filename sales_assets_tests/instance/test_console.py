"""What the console shows of a failed run."""

from pathlib import Path

import dagster as dg
import pytest

from sales_assets_tests.helpers.dagster_dev import copy_home


def console_of(error: Exception, home: Path, capfd: pytest.CaptureFixture[str]) -> str:
    """Run a job whose first op fails; give what it prints, once its history is known to be full."""

    @dg.op
    def first() -> int:
        raise error

    @dg.op
    def second(number: int) -> None:
        raise AssertionError(number)

    @dg.job
    def both() -> None:
        second(first())

    with dg.DagsterInstance.from_config(str(copy_home(home))) as instance:
        result = both.execute_in_process(instance=instance, raise_on_error=False)
        logs = [entry.user_message for entry in instance.all_logs(result.run_id)]
        [failed] = [event for event in result.all_events if event.is_step_failure]
    assert any("Dependencies for step second" in message for message in logs)
    assert failed.step_failure_data.error
    assert failed.step_failure_data.error.stack
    return capfd.readouterr().err


def test_an_error_of_ours_is_shown_once_and_without_a_stack(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    text = console_of(dg.Failure("no token: set it"), tmp_path, capfd)
    assert text.count("no token: set it") == 1
    assert "Stack Trace" not in text
    assert "Dependencies for step" not in text
    assert text.splitlines()[-1].endswith("Steps failed: ['first'].")


def test_an_error_of_another_kind_keeps_its_stack(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    text = console_of(ZeroDivisionError("a fault"), tmp_path, capfd)
    assert text.count("a fault") == 1
    assert "raise error" in text
