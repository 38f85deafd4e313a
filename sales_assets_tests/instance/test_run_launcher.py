"""The run launcher that finds out which of its runs are dead."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import dagster as dg
import grpc
import pytest
from dagster._core.launcher import WorkerStatus
from dagster._core.storage.tags import GRPC_INFO_TAG
from dagster._core.test_utils import create_run_for_test
from dagster._daemon.controller import RELOAD_WORKSPACE_INTERVAL
from dagster._grpc.__generated__ import dagster_api_pb2
from dagster._grpc.__generated__.dagster_api_pb2_grpc import (
    DagsterApiServicer,
    add_DagsterApiServicer_to_server,
)
from dagster._grpc.types import CanCancelExecutionRequest, CanCancelExecutionResult
from dagster._serdes import deserialize_value, serialize_value

from sales_assets.instance import run_launcher
from sales_assets.instance.event_log import BATCH_SIZE_VARIABLE
from sales_assets.instance.process import RunProcess
from sales_assets.instance.run_launcher import (
    BACKFILLS_WAIT_VARIABLE,
    LOOKS,
    LOOKS_AT_NO_SERVER,
    LOOKS_AT_NO_SOCKET,
    WatchfulRunLauncher,
)
from sales_assets_tests.helpers.dagster_dev import copy_home
from sales_assets_tests.helpers.files import PROJECT
from sales_assets_tests.helpers.postgres_server import free_port

pytestmark = pytest.mark.slow


class CodeServer(DagsterApiServicer):
    """A gRPC server that knows some runs.

    Attributes:
        tags: What a run that it launched is tagged with.
        runs: The ids of the runs that it knows.
        held: Answers only while this is set.
    """

    def __init__(self, **address: Any) -> None:
        """Serve at a `port` or a `socket`."""
        self.tags = {GRPC_INFO_TAG: json.dumps({"host": "localhost", **address})}
        self.runs: set[str] = set()
        self.held = threading.Event()
        self.held.set()
        self._server = grpc.server(ThreadPoolExecutor(2))
        add_DagsterApiServicer_to_server(self, self._server)  # type: ignore[no-untyped-call]
        at = f"unix:{address['socket']}" if "socket" in address else f"localhost:{address['port']}"
        self._server.add_insecure_port(at)
        self._server.start()

    def CanCancelExecution(self, request: Any, context: Any) -> Any:
        """Tell whether a run is known."""
        self.held.wait()
        asked = deserialize_value(
            request.serialized_can_cancel_execution_request, CanCancelExecutionRequest
        )
        answer = CanCancelExecutionResult(can_cancel=asked.run_id in self.runs)
        return dagster_api_pb2.CanCancelExecutionReply(
            serialized_can_cancel_execution_result=serialize_value(answer)
        )

    def stop(self) -> None:
        """Be gone."""
        self._server.stop(None).wait()


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """An instance as this project ships it."""
    monkeypatch.setenv(BATCH_SIZE_VARIABLE, "3")
    monkeypatch.setenv(BACKFILLS_WAIT_VARIABLE, "1")
    with dg.DagsterInstance.from_config(str(copy_home(tmp_path))) as shipped:
        yield shipped


@pytest.fixture
def server() -> Iterator[CodeServer]:
    """A code server at a port."""
    running = CodeServer(port=free_port())
    yield running
    running.held.set()
    running.stop()


def started(instance: dg.DagsterInstance, *tags: dict[str, str]) -> dg.DagsterRun:
    """Make a run that has started, with these tags."""
    all_tags = {key: value for some in tags for key, value in some.items()}
    run: dg.DagsterRun = create_run_for_test(
        instance, status=dg.DagsterRunStatus.STARTED, tags=all_tags
    )
    return run


def looks(instance: dg.DagsterInstance, run: dg.DagsterRun, most: int = 20) -> int | None:
    """Count the looks until a run is dead; None when it never is."""
    for look in range(1, most + 1):
        health = instance.run_launcher.check_run_worker_health(run)
        if health.status != WorkerStatus.RUNNING:
            assert health.msg
            return look
    return None


def gone() -> dict[str, str]:
    """Give the tags of a run whose process has ended."""
    process = RunProcess.current()
    assert process is not None
    return process._replace(start="boot:0").tags()


def here() -> dict[str, str]:
    """Give the tags of a run whose process lives."""
    process = RunProcess.current()
    assert process is not None
    return process.tags()


def test_run_monitoring_asks_it(instance: dg.DagsterInstance) -> None:
    assert isinstance(instance.run_launcher, WatchfulRunLauncher)
    assert instance.run_launcher.supports_check_run_worker_health
    assert instance.run_monitoring_enabled
    assert instance.run_monitoring_poll_interval_seconds * LOOKS <= 30


def test_a_run_is_not_dead_before_the_daemon_has_looked_for_its_code_location_again(
    instance: dg.DagsterInstance,
) -> None:
    # Else it is not started again (tried: dagster dev killed and started on a busy machine).
    patience = instance.run_monitoring_poll_interval_seconds * (LOOKS_AT_NO_SOCKET - 1)
    assert RELOAD_WORKSPACE_INTERVAL < patience <= 90


def test_a_run_whose_process_is_gone_is_dead_after_several_looks(
    instance: dg.DagsterInstance,
) -> None:
    assert looks(instance, started(instance, gone())) == LOOKS > 1


def test_a_run_whose_process_lives_is_left_alone_even_without_its_server(
    instance: dg.DagsterInstance, server: CodeServer
) -> None:
    assert looks(instance, started(instance, here())) is None
    assert looks(instance, started(instance, here(), server.tags)) is None
    server.stop()
    assert looks(instance, started(instance, here(), server.tags)) is None


def test_a_run_of_another_machine_is_left_alone(instance: dg.DagsterInstance) -> None:
    process = RunProcess.current()
    assert process is not None
    elsewhere = process._replace(host="elsewhere", start="boot:0").tags()
    assert looks(instance, started(instance, elsewhere)) is None
    assert looks(instance, started(instance)) is None


def test_a_run_that_its_server_knows_is_left_alone(
    instance: dg.DagsterInstance, server: CodeServer
) -> None:
    for run in (started(instance, server.tags), started(instance, server.tags, gone())):
        server.runs.add(run.run_id)
        assert looks(instance, run) is None


def test_a_run_that_the_server_at_its_port_does_not_know_is_dead_after_several_looks(
    instance: dg.DagsterInstance, server: CodeServer
) -> None:
    assert looks(instance, started(instance, server.tags)) == LOOKS


def test_a_run_whose_server_is_gone_with_its_socket_is_dead(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    server = CodeServer(socket=str(tmp_path / "socket"))
    server.stop()
    assert looks(instance, started(instance, server.tags)) == LOOKS_AT_NO_SOCKET > LOOKS


def test_a_server_at_a_port_has_ten_minutes_to_come_back(
    instance: dg.DagsterInstance, server: CodeServer
) -> None:
    server.stop()
    run = started(instance, server.tags)
    assert looks(instance, run, most=LOOKS_AT_NO_SERVER) == LOOKS_AT_NO_SERVER
    seconds = LOOKS_AT_NO_SERVER * instance.run_monitoring_poll_interval_seconds
    assert seconds == 600


def test_a_run_whose_server_is_slow_is_left_alone(
    instance: dg.DagsterInstance, server: CodeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_launcher, "PATIENCE", 0.2)
    server.held.clear()
    assert looks(instance, started(instance, server.tags)) is None


def test_a_run_that_is_found_again_was_never_missed(
    instance: dg.DagsterInstance, server: CodeServer
) -> None:
    run = started(instance, server.tags)
    assert looks(instance, run, LOOKS - 1) is None
    server.runs.add(run.run_id)
    assert looks(instance, run, 1) is None
    server.runs.clear()
    assert looks(instance, run) == LOOKS


def test_a_server_that_was_reloaded_is_not_a_witness_against_the_run_of_its_predecessor(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    server = CodeServer(socket=str(tmp_path / "socket"))
    assert looks(instance, started(instance, server.tags)) is None
    assert looks(instance, started(instance, server.tags, gone())) == LOOKS
    server.stop()


HANGING = """
import dagster as dg

@dg.asset
def hanging():
    print("hangs", flush=True)
    input()

with dg.DagsterInstance.get() as instance:
    dg.materialize([hanging], instance=instance)
"""


def test_a_run_of_a_program_of_ones_own_is_found_dead_once_that_is_killed(
    instance: dg.DagsterInstance,
) -> None:
    with subprocess.Popen(  # noqa: S603 - our own code
        [sys.executable, "-c", HANGING],
        cwd=PROJECT,
        env={**os.environ, "DAGSTER_HOME": instance.root_directory},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        while process.stdout.readline() != "hangs\n":
            assert process.poll() is None
        [run] = instance.get_runs()
        assert run.status == dg.DagsterRunStatus.STARTED
        assert looks(instance, run) is None
        process.send_signal(signal.SIGKILL)
    assert looks(instance, run) == LOOKS
