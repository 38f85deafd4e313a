"""Dagster's default run launcher, which also reports dead runs.

With Dagster's own, a run that died with its code server, or that nobody watches (command line, HTTP
jobs), stays STARTED forever, and its backfill hangs. Run monitoring polls this one and fails the
runs that it reports; run retries start them again.
"""

import os
from collections.abc import Callable

from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.launcher import DefaultRunLauncher
from dagster._core.storage.dagster_run import DagsterRun
from dagster._grpc.client import DagsterGrpcClient
from dagster._serdes import ConfigurableClassData

from sales_assets.instance.heartbeat import WatchingLauncher

BACKFILLS_WAIT_VARIABLE = "DAGSTER_BACKFILL_RETRY_DEFINITION_CHANGED_ERROR"
"""If set, a backfill waits for a code location that is down; otherwise it fails for good."""

SECONDS_TO_ANSWER = 5
"""Seconds to wait for a code server's response."""

LOOKS_AT_NO_SOCKET = 16
"""The looks before a run is dead whose code server is gone, with its socket. Dagster does not retry
a run that fails before its daemon has reloaded the code location, once a minute: these take longer,
at one every 5 s."""

LOOKS_AT_NO_SERVER = 120
"""The same, while nothing responds at the address of its code server, where another one will."""


class WatchfulRunLauncher(WatchingLauncher, DefaultRunLauncher):
    """Dagster's default run launcher, which also reports dead runs.

    Creating it also lets the backfills of this process wait for a code location that is down.
    """

    def __init__(self, inst_data: ConfigurableClassData | None = None) -> None:
        # Dagster reads it itself.
        os.environ.setdefault(BACKFILLS_WAIT_VARIABLE, "1")  # noqa: TID251
        super().__init__(inst_data)

    def looks(self, run: DagsterRun) -> int:
        """Return the number of looks after which a run is dead: only once it can be restarted."""
        find: Callable[[str], DagsterGrpcClient | None] = self._get_grpc_client_for_termination
        client = find(run.run_id)
        if client is None:
            return super().looks(run)
        try:
            client.get_server_id(SECONDS_TO_ANSWER)
        except DagsterUserCodeUnreachableError:
            return LOOKS_AT_NO_SOCKET if client.socket else LOOKS_AT_NO_SERVER
        return super().looks(run)
