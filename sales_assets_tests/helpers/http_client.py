"""The HTTP client, set up so that it hardly waits."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from sales_assets.http.client import HttpAnswer, HttpClient


@contextmanager
def client_of(address: str, **manners: Any) -> Iterator[HttpClient]:
    """Give a client that hardly waits."""
    defaults = {
        "auth": None,
        "connect_timeout": 5,
        "read_timeout": 5,
        "request_timeout": 10,
        "max_attempts": 1,
        "backoff": 0.001,
        "retry_after_cap": 0.01,
        "max_bytes": 1_000_000,
    }
    with closing(HttpClient(address, **{**defaults, **manners})) as client:
        yield client


def as_it_is(answer: HttpAnswer) -> HttpAnswer:
    """Take an answer without a look at it."""
    return answer
