"""Posting a text to an incoming webhook of Slack, or of what takes the same `{"text": ...}`.

The address is a secret, since whoever has it can post: it is in no error, no log and no repr. What
is posted, and when, does not belong here.
"""

import html
import itertools
import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import requests
import tenacity

from sales_assets.http.client import is_base_address


class InvalidWebhookError(ValueError):
    """The address of a webhook is none."""


class Outcome(NamedTuple):
    """What became of a post.

    Attributes:
        problem: Why it did not get through, without any part of the address; empty if it did.
        transient: Whether the same post may well get through a little later.
    """

    problem: str
    transient: bool = False


class Webhook:
    """A webhook, by its address.

    Attributes:
        url: The address.
    """

    def __init__(self, url: str) -> None:
        """Take an address; nothing is sent yet.

        Raises:
            InvalidWebhookError: It is none; the error does not show it.
        """
        if not is_base_address(url) or not re.fullmatch(r"[\x21-\x7e]+", url):
            raise InvalidWebhookError(
                "SALES_ALERT_URL is not an address of the form https://host/path without white "
                "space, user name or password in it: set it to that, or unset it"
            )
        self.url = url

    # All of it has to be over before Dagster gives up on the tick of a sensor, after 60 s.
    @tenacity.retry(
        retry=tenacity.retry_if_result(lambda outcome: outcome.transient),
        stop=tenacity.stop_any(tenacity.stop_after_attempt(3), tenacity.stop_before_delay(30)),
        wait=tenacity.wait_random_exponential(multiplier=0.5, max=5),
        retry_error_callback=lambda state: state.outcome.result(),  # type: ignore[union-attr]
    )
    def post(self, text: str) -> Outcome:
        """Post a text, up to three times if need be; no redirect is followed.

        Args:
            text: In the markup of Slack; see `escaped`.
        """
        # Errors of requests have the address in their texts, so none of them leaves this method.
        try:
            with (
                _unlogged(),
                requests.post(
                    self.url,
                    json={"text": text},
                    timeout=(5, 10),
                    allow_redirects=False,
                    stream=True,
                    auth=lambda request: request,  # Nothing from ~/.netrc.
                ) as response,
            ):
                status = response.status_code
        except requests.RequestException as error:
            transient = isinstance(error, (requests.ConnectionError, requests.Timeout))
            return Outcome(f"{type(error).__name__} ({type(_origin(error)).__name__})", transient)
        if 200 <= status < 300:
            return Outcome("")
        if 300 <= status < 400:
            return Outcome(f"HTTP {status}, and a redirect is not followed")
        return Outcome(f"HTTP {status}", transient=status == 429 or status >= 500)


def escaped(text: str, most: int) -> str:
    """Let nothing in a text be a command to Slack, and cut it to so many characters.

    Args:
        text: Any text.
        most: The length of what is returned, at most; no escape is cut in two.
    """
    parts = [html.escape(character, quote=False) for character in text]
    lengths = itertools.accumulate(map(len, parts))
    return "".join(part for part, length in zip(parts, lengths, strict=True) if length <= most)


def _origin(error: BaseException) -> BaseException:
    while error.__context__:
        error = error.__context__
    return error


@contextmanager
def _unlogged() -> Iterator[None]:
    """Keep this thread's requests out of the log, to which urllib3 writes paths at level DEBUG."""
    ours = threading.get_ident()
    logger = logging.getLogger("urllib3.connectionpool")

    def of_others(record: logging.LogRecord) -> bool:
        return record.thread != ours

    logger.addFilter(of_others)
    try:
        yield
    finally:
        logger.removeFilter(of_others)
