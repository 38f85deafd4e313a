"""Which process executes a run."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from sales_assets.instance.process import PROCESS_TAG, RunProcess


@pytest.fixture
def other() -> Iterator[subprocess.Popen[str]]:
    """Another process that waits."""
    with subprocess.Popen(
        [sys.executable, "-c", "print(flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


def recorded(process: RunProcess | None) -> RunProcess:
    """Write a process as tags, and read it from them."""
    assert process is not None
    read = RunProcess.recorded(process.tags())
    assert read is not None
    return read


def test_this_process_is_here_and_running() -> None:
    process = recorded(RunProcess.current())
    assert process.pid == os.getpid()
    assert process.is_here()
    assert process.is_running()


def test_a_process_that_ended_is_gone_even_before_its_parent_has_taken_note(
    other: subprocess.Popen[str],
) -> None:
    process = RunProcess.of(other.pid)
    assert process is not None
    assert process.is_running()
    other.kill()
    os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)
    assert not process.is_running()
    other.wait()
    assert not process.is_running()


def test_a_later_process_with_the_same_id_is_another_one(other: subprocess.Popen[str]) -> None:
    this, that = RunProcess.current(), RunProcess.of(other.pid)
    assert this is not None
    assert that is not None
    assert not this._replace(pid=other.pid).is_running()
    assert that.is_running()


def test_a_process_of_another_machine_is_not_here() -> None:
    process = recorded(RunProcess.current())
    assert not process._replace(host="elsewhere").is_here()


@pytest.mark.parametrize("text", ["", "host", "host x start", "host 1 start more"])
def test_a_tag_that_holds_something_else_names_no_process(text: str) -> None:
    assert RunProcess.recorded({PROCESS_TAG: text}) is None
    assert RunProcess.recorded({}) is None
