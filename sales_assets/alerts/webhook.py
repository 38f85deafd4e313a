"""Posts a text to an incoming webhook of Slack, or of any service that accepts `{"text": ...}`.

The address is a secret, since anyone who has it can post: it is in no error, log or repr. What is
posted, and when, does not belong here.
"""

import html
import re
import time
from contextlib import closing

import dagster as dg

from sales_assets.http.address import check_address
from sales_assets.http.client import HttpAnswer, HttpClient, Limits, Question
from sales_assets.http.errors import HttpError
from sales_assets.http.secrets import Secret

_SECONDS = 30
"""For all attempts: they must end before Dagster gives up on a sensor's tick (60 s)."""

# Some services refuse these, and would refuse the alert at each tick.
_UNFIT = re.compile("[^\\t\\n -~\\u00a0-\\ud7ff\\ue000-\U0010ffff]")


class AlertError(dg.DagsterError):
    """An alert did not reach the webhook.

    It is a `DagsterError`: any other error would move the cursor of a run status sensor past its
    run, and the alert of that run would be lost.
    """


class Webhook:
    """A webhook, by its address; each attempt to post has a deadline in seconds.

    Raises:
        InvalidAddressError: The address is invalid; the error does not show it.
    """

    def __init__(self, url: str, seconds: float = 10) -> None:
        self._address = Secret(check_address(url, "SALES_ALERT_URL", secret=True))
        self._limits = Limits(
            request_timeout=seconds, max_attempts=3, retry_after_cap=5, max_page_bytes=1 << 16
        )

    def post(self, text: str, about: str) -> None:
        """Post a text in Slack's markup in up to three attempts, without following redirects.

        Raises:
            AlertError: All attempts failed; it says what the alert is `about`, not the address.
        """
        deadline = time.monotonic() + _SECONDS
        with closing(HttpClient(self._address.value, None, self._limits)) as client:
            try:
                Question(client, "", {}, _accept, deadline, json={"text": text}).result()
                return
            except HttpError as error:
                reason = error.reason
        raise AlertError(
            f"{about}, but the alert could not be posted to SALES_ALERT_URL: {reason}; each tick "
            "tries again, and later alerts wait"
        )


def _accept(answer: HttpAnswer) -> None:
    """Look at the status alone; whatever else the webhook sends is ignored."""
    if 300 <= answer.status < 400:
        raise answer.error(f"HTTP {answer.status}, but redirects are not followed")
    if answer.status >= 400:
        raise answer.error()


def escaped(text: str, most: int) -> str:
    """Escape a text for Slack, with its middle cut out if it is too long.

    The beginning says what failed, the end what to run.
    """
    text = _UNFIT.sub("\ufffd", text)
    cut, kept = text, most
    while len(shown := html.escape(cut, quote=False)) > most:
        cut = f"{text[: kept // 2]}\n...\n{text[-(kept // 2) :]}"
        kept = kept * 3 // 4
    return shown
