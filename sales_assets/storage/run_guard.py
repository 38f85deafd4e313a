"""Whether a run still counts: one that Dagster has ended stores and records nothing more.

A run whose worker is cut off for a while is considered dead and restarted elsewhere. When the
worker is back, it continues alongside its successor, without noticing it.
"""

import time

import dagster as dg

from sales_assets.feed.stream import EveryDayFailsError

SECONDS = 1.0
"""Maximum age of a recent look."""


class GivenUpRunError(EveryDayFailsError):
    """Dagster has ended the run, but its process is still running."""


class RunGuard:
    """The status of a run of this process in the instance; safe to share between threads."""

    def __init__(self, instance: dg.DagsterInstance, run_id: str) -> None:
        self._instance = instance
        self._run_id = run_id
        self._asked = float("-inf")

    def require(self, recent: bool = False) -> None:
        """Require that Dagster has not ended the run, by now or as of a `recent` look.

        Raises:
            GivenUpRunError: It has.
        """
        # Querying the instance takes longer than storing a small day.
        asked = time.monotonic()
        if recent and asked - self._asked < SECONDS:
            return
        run = self._instance.get_run_by_id(self._run_id)
        if run and run.is_finished:
            raise GivenUpRunError(
                f"Dagster has already marked run {self._run_id} as {run.status.value}: it stores "
                "and records nothing more; look at the run that replaced it"
            )
        self._asked = asked
