"""The code server of an installation, which ends once it can do its work no more."""

import inspect

import pytest
from dagster._grpc.server import DagsterApiServer

from sales_assets.instance.code_server import CLEANUP_THREAD
from sales_assets_tests.helpers.commands import Command

DIES = """
import sys, threading
from sales_assets.instance import code_server

code_server.end_with_the_cleanup_thread()
thread = threading.Thread(target=lambda: {}["nothing"], name=sys.argv[1])
thread.start()
thread.join()
print("goes on")
"""


def test_dagster_calls_the_thread_so() -> None:
    assert f'"{CLEANUP_THREAD}"' in inspect.getsource(DagsterApiServer)


@pytest.mark.parametrize(("name", "status"), [(CLEANUP_THREAD, 1), ("another", 0)])
def test_it_ends_with_the_thread_that_looks_after_its_runs(
    python: Command, name: str, status: int
) -> None:
    ended = python("-c", DIES, name)
    assert ended.returncode == status
    assert "KeyError: 'nothing'" in ended.stderr
    assert ("goes on" in ended.stdout) == (status == 0)
