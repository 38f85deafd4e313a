"""Dagster's default run launcher, which also finds out which of its runs are dead.

Dagster's own says nothing about them: a run whose code server died with it, or that nobody watches
(command line, HTTP jobs), counts as started for ever, and its backfill waits. Run monitoring asks
this one at each of its polls and fails what it reports, and run retries start it again.
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
"""When set, a backfill waits for a code location that is away; otherwise it fails for good."""

PATIENCE = 5
"""Seconds that a code server has to respond."""

LOOKS_AT_NO_SOCKET = 16
"""How often a run is looked for while its code server is gone, and with it the server's socket.
Dagster does not start a run again that fails before its daemon has the code location back, for
which it looks once a minute: this takes longer, with a look every 5 s."""

LOOKS_AT_NO_SERVER = 120
"""The same while nobody responds at the address of its code server, where another one will."""


class WatchfulRunLauncher(WatchingLauncher, DefaultRunLauncher):
    """Dagster's default run launcher, which also knows which runs live.

    Opening it also makes the backfills of this process wait for a code location that is away.
    """

    def __init__(self, inst_data: ConfigurableClassData | None = None) -> None:
        # Dagster reads it itself.
        os.environ.setdefault(BACKFILLS_WAIT_VARIABLE, "1")  # noqa: TID251
        super().__init__(inst_data)

    def looks(self, run: DagsterRun) -> int:
        """Say how often a run is looked for, which depends on whether it can be started again."""
        find: Callable[[str], DagsterGrpcClient | None] = self._get_grpc_client_for_termination
        client = find(run.run_id)
        if client is None:
            return super().looks(run)
        try:
            client.get_server_id(PATIENCE)
        except DagsterUserCodeUnreachableError:
            return LOOKS_AT_NO_SOCKET if client.socket else LOOKS_AT_NO_SERVER
        return super().looks(run)
