"""The APIs that runs are measured against."""

import functools
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from sales_assets.sample.api import Answer, SampleApi
from sales_assets.sample.faults import Fault, Faults
from sales_assets.sample.invented import sample_page

TOKEN = "benchmark"  # noqa: S105 - made up


@contextmanager
def server(latency: float = 0) -> Iterator[str]:
    """Run the sample API in a process of its own; give its address. Its token is `TOKEN`."""
    command = [sys.executable, "-m", "sales_assets_tests.benchmark", "serve", "0", str(latency)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


def serve(port: int, latency: float) -> None:
    faults = Faults([Fault(delay=latency)])
    api = SampleApi(TOKEN, functools.cache(sample_page), port, faults)
    print(api.url, flush=True)  # noqa: T201 - for the process that waits for it
    api.serve_forever()


class LimitedApi(SampleApi):
    """Takes 50 ms for an answer, and refuses more than ten requests at a time."""

    _free = threading.Semaphore(10)

    def answer(self, path: str, headers: Mapping[str, str]) -> Answer:
        """Refuse, or answer in time."""
        if not self._free.acquire(blocking=False):
            return Answer(429, b'{"message": "too many at a time"}', {"Retry-After": "1"})
        try:
            time.sleep(0.05)
            return super().answer(path, headers)
        finally:
            self._free.release()


class OneAtATimeApi(SampleApi):
    """Takes 20 ms for an answer, one after the other."""

    _turn = threading.Lock()

    def answer(self, path: str, headers: Mapping[str, str]) -> Answer:
        """Answer when it is its turn."""
        with self._turn:
            time.sleep(0.02)
            return super().answer(path, headers)
