"""How this project calls an HTTP API: with retries, and at the API's pace.

Retries with jittered backoff, `Retry-After`, a deadline over all attempts.
"""

import itertools
import random
import time
from collections import deque
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar
from urllib.parse import urlencode

import dagster as dg
import requests

from sales_assets.http.answer import HttpAnswer, same_origin
from sales_assets.http.errors import HttpError, TransientHttpError
from sales_assets.http.pace import Call, Pace
from sales_assets.http.transport import Limits, Transport

__all__ = ["HttpAnswer", "HttpClient", "Limits", "Question", "in_order", "side_by_side"]

T = TypeVar("T")

_BYTES_AHEAD = 64 << 20
"""Memory in bytes for responses fetched ahead, estimated by the largest one so far."""
_LONGEST_BACKOFF = 60


class HttpClient:
    """Calls the API at a base address within some limits; safe to share between threads.

    Raises:
        HttpError: The environment names an invalid proxy, or certificates that do not exist.
    """

    def __init__(self, address: str, auth: requests.auth.AuthBase | None, limits: Limits) -> None:
        self._address = address
        self._limits = limits
        self._transport = Transport(address, auth, limits)
        self._pace = Pace(limits)
        self._has_served = False
        self._largest = 1

    def close(self) -> None:
        """Stop making requests; those in flight or queued fail at once."""
        self._pace.close()


@dataclass(eq=False)
class Question(Generic[T]):
    """A request with its retries, sent when somebody waits for the result, or ahead of that.

    Attributes:
        path: Below the client's address; or a whole address, such as a link to the next page.
        accept: Turns a response into a value; raises `TransientHttpError` to request a retry.
        deadline: On the clock of `time.monotonic`; no attempt starts or lasts beyond it.
        failure: Makes the error to raise from that of the last attempt, or of the address.
        json: What to post; None for a GET.

    Raises:
        HttpError: The address has another origin, which must not receive the token, or is not
            valid Unicode.
    """

    client: HttpClient
    path: str
    params: Mapping[str, str]
    accept: Callable[[HttpAnswer], T]
    deadline: float = float("inf")
    on_retry: Callable[[], object] = lambda: None
    failure: Callable[[HttpError], Exception] = lambda error: error
    json: object = None
    _begun: Call[HttpAnswer] | None = None
    _was_refused: bool = False

    def __post_init__(self) -> None:
        base = self.client._address
        is_below = not self.path or self.path.startswith("/")
        address = f"{base}{self.path}" if is_below else self.path
        if not same_origin(address, base):
            raise self.failure(HttpError(self.path, f"not requested, since it is not at {base}"))
        try:
            query = urlencode(self.params)
            address.encode()
        except UnicodeEncodeError:
            what = f"{self.path} {self.params}"
            error = HttpError(what, "not requested, since it is not valid Unicode")
            raise self.failure(error) from None
        if query:
            address += f"{'&' if '?' in address else '?'}{query}"
        self._address = address

    def begin(self) -> Call[HttpAnswer]:
        """Send the first request."""
        self._begun = self._begun or self.client._pace.begin(self._send, self._address)
        return self._begun

    def begin_ahead(self) -> bool:
        """Send the first request unless enough others were sent ahead; return whether it did."""
        most = _BYTES_AHEAD // self.client._largest
        self._begun = self.client._pace.begin_ahead(self._send, self._address, most)
        return self._begun is not None

    def drop(self) -> None:
        """Discard the result."""
        if self._begun is not None:
            self.client._pace.drop(self._begun)

    def result(self) -> T:
        """Wait for the value that `accept` returns for the response.

        Raises:
            TransientHttpError: The last attempt, or the last before the deadline, failed too.
            HttpError: The request failed in a way that a retry cannot fix.
        """
        limits = self.client._limits
        failed: HttpError
        for attempt in itertools.count(1):
            try:
                return self.accept(self._answer())
            except HttpError as error:
                failed = error
            if not isinstance(failed, TransientHttpError):
                break
            failed.attempts = attempt
            backoff = min(limits.backoff * 2 ** min(attempt, 20), _LONGEST_BACKOFF)
            # Full jitter: requests that failed together are not retried together.
            pause = max(random.uniform(0, backoff), self.client._pace.pause)  # noqa: S311
            if attempt >= limits.max_attempts or time.monotonic() + pause >= self.deadline:
                break
            tried = f"attempt {attempt} of {limits.max_attempts} failed, retrying in {pause:.1f} s"
            dg.get_dagster_logger(__name__).warning("%s; %s", failed, tried)
            self.on_retry()
            self.client._pace.closed.wait(pause)
        # Outside, so that Dagster does not record both errors as a chain.
        raise self.failure(failed)

    def _send(self) -> HttpAnswer:
        ask = self.client._transport.ask
        answer = ask(self._address, self.json)
        # The token is sent only to the API; a second redirect is not followed.
        if self.json is None and answer.target and same_origin(answer.target, self._address):
            answer = ask(answer.target, None)
        return answer

    def _answer(self) -> HttpAnswer:
        client = self.client
        call, self._begun = self.begin(), None
        answer = client._pace.result(call, self.deadline)
        client._largest = max(client._largest, len(answer.body))
        client._has_served = client._has_served or answer.status == 200
        # Some APIs limit the rate by a 403, although the token worked before.
        if answer.status == 403 and client._has_served:
            if self._was_refused:
                raise answer.error(f"{answer.said}, although the API accepted the token before")
            self._was_refused = True
            raise answer.transient_error()
        return answer


def in_order(
    question: Callable[[int], Question[T]], goes_on: Callable[[T], bool]
) -> Generator[T, None, None]:
    """Yield the results of `question(1)`, `question(2)` and so on, without end.

    After n results, up to n - 1 more are requested ahead, as the client allows: most sequences are
    short, and requests past their end are wasted. If a sequence hardly `goes_on` after a result,
    only the next one is requested.
    """
    ahead: deque[Question[T]] = deque()
    taken = 0
    likely = True
    try:
        while True:
            if not ahead:
                ahead.append(question(taken + 1))
            ahead[0].begin()
            while likely and len(ahead) < taken - 1:
                following = question(taken + len(ahead) + 1)
                if not following.begin_ahead():
                    break
                ahead.append(following)
            result = ahead.popleft().result()
            taken += 1
            likely = goes_on(result)
            yield result
    finally:
        for unwanted in ahead:
            unwanted.drop()


def side_by_side(questions: Mapping[int, Question[T]]) -> dict[int, T]:
    """Return the results of concurrent requests; raise the error of the first that fails."""
    try:
        for question in questions.values():
            question.begin()
        return {number: question.result() for number, question in questions.items()}
    finally:
        for question in questions.values():
            question.drop()
