"""Whether a run still counts: one that was given up stores and records nothing more.

A run whose worker was cut off for a while is taken for dead and started again elsewhere. When its
worker is back, it goes on where it was, beside its successor, and knows nothing of that.
"""

import time

import dagster as dg

from sales_assets.feed.stream import EveryDayFailsError

SECONDS = 1.0
"""How old an answer may be that is from lately."""


class GivenUpRunError(EveryDayFailsError):
    """The run has ended for Dagster, while its process goes on."""


class Standing:
    """What an instance says of a run that is under way here; safe to share between threads."""

    def __init__(self, instance: dg.DagsterInstance, run_id: str) -> None:
        """Ask nothing yet."""
        self._instance = instance
        self._run_id = run_id
        self._asked = float("-inf")

    def require(self, lately: bool = False) -> None:
        """Make sure that the run still counts.

        Args:
            lately: An answer that is a second old is good enough; the instance takes longer to
                answer than a small day to be stored.

        Raises:
            GivenUpRunError: It has ended for Dagster.
        """
        asked = time.monotonic()
        if lately and asked - self._asked < SECONDS:
            return
        run = self._instance.get_run_by_id(self._run_id)
        if run and run.is_finished:
            raise GivenUpRunError(
                f"run {self._run_id} is {run.status.value} for Dagster, which has given it up: it "
                "stores and records nothing more; look at the run that was started in its place"
            )
        self._asked = asked
