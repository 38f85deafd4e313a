"""The run launcher that finds out which of its runs are dead: how long it waits for what."""

import json
import socket
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
    """A code server that does nothing but respond."""

    def GetServerId(self, *_: Any) -> Any:
        """Respond."""
        return dagster_api_pb2.GetServerIdReply(server_id="one")


def looks(instance: dg.DagsterInstance, **address: Any) -> int:
    """Count the looks until a run is dead that beat once, launched by a server at an address."""
    tags = {GRPC_INFO_TAG: json.dumps({"host": "localhost", **address})}
    run = create_run_for_test(instance, status=dg.DagsterRunStatus.STARTED, tags=tags)
    heartbeat.beat(instance, run.run_id)
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


def test_a_code_server_is_not_believed_that_a_silent_run_is_alive(
    shipped: dg.DagsterInstance,
) -> None:
    server = grpc.server(ThreadPoolExecutor(2))
    add_DagsterApiServicer_to_server(CodeServer(), server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port("localhost:0")
    server.start()
    assert looks(shipped, port=port) == LOOKS_UNTIL_DEAD
    server.stop(None).wait()


def test_a_run_whose_server_is_gone_with_its_socket_is_dead(
    shipped: dg.DagsterInstance, tmp_path: Path
) -> None:
    assert looks(shipped, socket=str(tmp_path / "gone")) == LOOKS_AT_NO_SOCKET > LOOKS_UNTIL_DEAD


@pytest.mark.parametrize("is_there", [False, True], ids=["gone", "slow"])
def test_a_server_at_a_port_has_ten_minutes_to_come_back(
    shipped: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, is_there: bool
) -> None:
    monkeypatch.setattr(run_launcher, "SECONDS_TO_ANSWER", 0.01)
    port = free_port()
    with socket.socket() as slow:
        if is_there:
            slow.bind(("127.0.0.1", port))
            slow.listen()
        assert looks(shipped, port=port) == LOOKS_AT_NO_SERVER
    assert LOOKS_AT_NO_SERVER * shipped.run_monitoring_poll_interval_seconds == 600
