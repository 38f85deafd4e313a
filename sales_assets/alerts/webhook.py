"""Posting a text to an incoming webhook of Slack, or of what takes the same `{"text": ...}`.

The address is a secret, since anyone who has it can post: it is in no error, log or repr. What is
posted, and when, does not belong here.
"""

import html
import itertools
import json
import time
from contextlib import closing

import dagster as dg

from sales_assets.http.address import check_address
from sales_assets.http.client import HttpAnswer, HttpClient, Limits
from sales_assets.http.errors import HttpError
from sales_assets.http.secrets import Secret

_SECONDS = 30
"""For all attempts: they have to be over before Dagster gives up on the tick of a sensor (60 s)."""


class AlertError(dg.DagsterError):
    """An alert did not reach the webhook.

    It is of Dagster's own kind, since any other error moves the cursor of a run status sensor past
    its run, whose alert would be lost.
    """


class Webhook:
    """A webhook, by its address."""

    def __init__(self, url: str, seconds: float = 10) -> None:
        """Take an address; nothing is sent yet.

        Args:
            url: The address.
            seconds: For one attempt, up to the last byte of its answer.

        Raises:
            InvalidAddressError: It is not one; the error does not show it.
        """
        self._seconds = seconds
        self._address = Secret(check_address(url, "SALES_ALERT_URL", secret=True))

    def post(self, text: str, about: str) -> None:
        """Post a text, up to three times if need be; no redirect is followed.

        Args:
            text: In the markup of Slack; see `escaped`.
            about: What the alert says, for the error.

        Raises:
            AlertError: It did not get through; the error shows no part of the address.
        """
        limits = Limits(
            read_timeout=10,
            request_timeout=self._seconds,
            max_attempts=3,
            retry_after_cap=5,
            max_page_bytes=1 << 16,
        )
        client = HttpClient(self._address.value, None, limits)
        body = json.dumps({"text": text}).encode()
        with closing(client):
            try:
                client.post(body, _accept, deadline=time.monotonic() + _SECONDS)
                return
            except HttpError as error:
                reason = error.reason
        raise AlertError(
            f"{about}, and the alert could not be posted to SALES_ALERT_URL: {reason}; it is tried "
            "again at each tick, and later alerts wait"
        )


def _accept(answer: HttpAnswer) -> None:
    """Let the status alone decide; what a webhook sends besides is not read."""
    if 300 <= answer.status < 400:
        raise answer.error(f"HTTP {answer.status}, and a redirect is not followed")
    if answer.status >= 400:
        raise answer.error()


def escaped(text: str, most: int) -> str:
    """Keep a text from being a command to Slack, and cut it to at most so many characters.

    No escape is cut in two.
    """
    parts = [html.escape(character, quote=False) for character in text]
    lengths = itertools.accumulate(map(len, parts))
    return "".join(part for part, length in zip(parts, lengths, strict=True) if length <= most)
