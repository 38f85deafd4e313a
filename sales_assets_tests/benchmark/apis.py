"""The APIs that runs are measured against."""

import datetime
import functools
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import click

from sales_assets.sample.api import Answer, SampleApi
from sales_assets.sample.faults import Fault, Faults
from sales_assets.sample.sales import PAGE_SIZE, sample_page

FIRST = datetime.date(2022, 8, 9)
TOKEN = "benchmark"  # noqa: S105 - made up


@contextmanager
def server(rows: int | None = None, latency: float = 0) -> Iterator[str]:
    """Run the sample API in a process of its own, with its pages made in advance.

    Args:
        rows: Rows of every day; those of the sample API unless given.
        latency: Seconds before each answer.

    Yields:
        Its address; its token is `TOKEN`.
    """
    command = [sys.executable, "-m", "sales_assets_tests.benchmark", "serve"]
    with subprocess.Popen(  # noqa: S603 - our own command
        [*command, str(rows or 0), str(latency)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


def serve(rows: int, latency: float) -> None:
    """Be that server."""
    made = functools.cache(lambda day, page: sample_page(day, page, rows or None))
    one = made(FIRST, 1)

    def page(day: datetime.date, number: int) -> bytes | None:
        if not rows:
            return made(day, number)
        # Days of many rows: full pages that differ in their first price alone.
        if number > rows // PAGE_SIZE:
            return None
        return one.replace(b'"price": ', b'"price": %d' % number, 1) if one else None

    faults = Faults([Fault(delay=latency)]) if latency else None
    with SampleApi(TOKEN, page, faults=faults) as api:
        click.echo(api.url)
        sys.stdout.flush()
        while True:
            time.sleep(60)


class CountingApi(SampleApi):
    """The sample API with a count of what it is asked.

    Attributes:
        at_once: How many requests were under way at the moment of each request, itself included.
        refused: How many were refused.
    """

    def __init__(self) -> None:
        """Serve nothing yet."""
        super().__init__(TOKEN)
        self.at_once: list[int] = []
        self.refused = 0
        self._under_way = 0
        self._counting = threading.Lock()

    def answer(self, path: str, headers: Mapping[str, str]) -> Answer:
        """Count the request, and answer it."""
        with self._counting:
            self._under_way += 1
            under_way = self._under_way
            self.at_once.append(under_way)
        try:
            return self.counted(under_way, path, headers)
        finally:
            with self._counting:
                self._under_way -= 1

    def counted(self, under_way: int, path: str, headers: Mapping[str, str]) -> Answer:
        """Answer a request, knowing how many are under way."""
        return super().answer(path, headers)


class LimitedApi(CountingApi):
    """Takes 50 ms for an answer, and refuses more than ten requests at a time."""

    def counted(self, under_way: int, path: str, headers: Mapping[str, str]) -> Answer:
        """Refuse, or answer in time."""
        if under_way > 10:
            self.refused += 1
            return Answer(429, b'{"message": "too many at a time"}', {"Retry-After": "1"})
        time.sleep(0.05)
        return super().counted(under_way, path, headers)


class OneAtATimeApi(CountingApi):
    """Takes 20 ms for an answer, one after the other."""

    def __init__(self) -> None:
        """Serve nothing yet."""
        super().__init__()
        self._turn = threading.Lock()

    def counted(self, under_way: int, path: str, headers: Mapping[str, str]) -> Answer:
        """Answer when it is its turn."""
        with self._turn:
            time.sleep(0.02)
            return super().counted(under_way, path, headers)
