"""The HTTP client, set up so that it hardly waits."""

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from sales_assets.http.client import HttpAnswer, HttpClient, Limits, Question
from sales_assets.http.tokens import TokenAuth
from sales_assets_tests.helpers.raw_server import RawServer, Speak


@contextmanager
def client_of(address: str, auth: TokenAuth | None = None, **changes: Any) -> Iterator[HttpClient]:
    limits = Limits(
        read_timeout=5,
        request_timeout=10,
        max_attempts=1,
        backoff=0.001,
        retry_after_cap=0.01,
        max_page_bytes=1_000_000,
        max_in_flight=1,
    )
    with closing(HttpClient(address, auth, limits.model_copy(update=changes))) as client:
        yield client


def as_it_is(answer: HttpAnswer) -> HttpAnswer:
    return answer


def asked(
    asked_of: Speak | str, path: str = "/", deadline: float = float("inf"), **changes: Any
) -> HttpAnswer:
    """Ask once: an address, or a server that speaks so."""
    if not isinstance(asked_of, str):
        with RawServer(asked_of) as server:
            return asked(server.url, path, deadline, **changes)
    with client_of(asked_of, **changes) as client:
        return got(client, path, deadline)


def got(client: HttpClient, path: str = "/", deadline: float = float("inf")) -> HttpAnswer:
    return Question(client, path, {}, as_it_is, deadline).result()


@contextmanager
def closing_after(event: threading.Event, client: HttpClient) -> Iterator[None]:
    """Close a client in another thread, as soon as something has happened."""

    def close() -> None:
        event.wait(5)
        client.close()

    thread = threading.Thread(target=close)
    thread.start()
    yield
    thread.join()
