"""The run launcher that finds out which of its runs are dead: how long it waits for what."""

import json
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

from sales_assets.instance import heartbeat, run_launcher
from sales_assets.instance.heartbeat import LOOKS_UNTIL_DEAD
from sales_assets.instance.run_launcher import LOOKS_AT_NO_SERVER, LOOKS_AT_NO_SOCKET
from sales_assets_tests.helpers.programs import free_port

pytestmark = pytest.mark.slow


class CodeServer(DagsterApiServicer):
    """A gRPC server.

    Attributes:
        tags: What a run that it launched is tagged with.
        held: Responds only while this is set.
    """

    def __init__(self, **address: Any) -> None:
        """Serve at a `port` or a `socket`."""
        self.tags = {GRPC_INFO_TAG: json.dumps({"host": "localhost", **address})}
        self.held = threading.Event()
        self.held.set()
        self._server = grpc.server(ThreadPoolExecutor(2))
        add_DagsterApiServicer_to_server(self, self._server)  # type: ignore[no-untyped-call]
        at = f"unix:{address['socket']}" if "socket" in address else f"localhost:{address['port']}"
        self._server.add_insecure_port(at)
        self._server.start()

    def GetServerId(self, request: Any, context: Any) -> Any:
        """Respond."""
        self.held.wait()
        return dagster_api_pb2.GetServerIdReply(server_id="one")

    def stop(self) -> None:
        """Be gone."""
        self._server.stop(None).wait()


@pytest.fixture
def server() -> Iterator[CodeServer]:
    """A code server at a port."""
    running = CodeServer(port=free_port())
    yield running
    running.held.set()
    running.stop()


def silent(instance: dg.DagsterInstance, tags: dict[str, str]) -> dg.DagsterRun:
    """Make a run that beat once."""
    run: dg.DagsterRun = create_run_for_test(
        instance, status=dg.DagsterRunStatus.STARTED, tags=tags
    )
    heartbeat.beat(instance, run.run_id)
    return run


def looks(instance: dg.DagsterInstance, run: dg.DagsterRun) -> int:
    """Count the looks without a new heartbeat until a run is dead."""
    for look in range(1000):
        health = instance.run_launcher.check_run_worker_health(run)
        if health.status != WorkerStatus.RUNNING:
            assert health.msg
            return look
    raise AssertionError("never")


def test_a_run_is_not_dead_before_the_daemon_has_looked_for_its_code_location_again(
    shipped: dg.DagsterInstance,
) -> None:
    # Otherwise it is not started again (tried: dagster dev killed and started on a busy machine).
    patience = shipped.run_monitoring_poll_interval_seconds * (LOOKS_AT_NO_SOCKET - 1)
    assert RELOAD_WORKSPACE_INTERVAL < patience <= 90


@pytest.mark.parametrize("has_server", [False, True])
def test_a_code_server_is_not_believed_that_a_silent_run_is_alive(
    shipped: dg.DagsterInstance, server: CodeServer, has_server: bool
) -> None:
    run = silent(shipped, server.tags if has_server else {})
    assert looks(shipped, run) == LOOKS_UNTIL_DEAD


def test_a_run_whose_server_is_gone_with_its_socket_is_dead(
    shipped: dg.DagsterInstance, tmp_path: Path
) -> None:
    server = CodeServer(socket=str(tmp_path / "socket"))
    server.stop()
    assert looks(shipped, silent(shipped, server.tags)) == LOOKS_AT_NO_SOCKET > LOOKS_UNTIL_DEAD


@pytest.mark.parametrize("slow", [False, True], ids=["gone", "slow"])
def test_a_server_at_a_port_has_ten_minutes_to_come_back(
    shipped: dg.DagsterInstance,
    server: CodeServer,
    monkeypatch: pytest.MonkeyPatch,
    slow: bool,
) -> None:
    if slow:
        monkeypatch.setattr(run_launcher, "SECONDS_TO_ANSWER", 0.01)
        server.held.clear()
    else:
        server.stop()
    assert looks(shipped, silent(shipped, server.tags)) == LOOKS_AT_NO_SERVER
    assert LOOKS_AT_NO_SERVER * shipped.run_monitoring_poll_interval_seconds == 600
