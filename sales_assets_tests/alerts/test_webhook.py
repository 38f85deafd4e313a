"""The webhook, when it misbehaves."""

from urllib.parse import quote

import pytest

from sales_assets.alerts.webhook import AlertError, Webhook
from sales_assets_tests.helpers.raw_server import RawServer, always, answer, dripping

PATH = "/not-for-anybody"


def test_a_webhook_that_drips_is_given_up_in_time() -> None:
    with RawServer(dripping) as server, pytest.raises(AlertError, match=r"within|in time"):
        Webhook(f"{server.url}{PATH}", seconds=0.3).post("text", "something failed")


@pytest.mark.parametrize(
    "rest",
    [
        b"Content-Length: 99999\r\n\r\n" + b"x" * 99_999,
        b"Content-Length: 99\r\n\r\ncut",
        b"Transfer-Encoding: chunked\r\n\r\nno chunk",
        b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\nno",
    ],
    ids=["large", "cut", "malformed", "compressed"],
)
def test_an_alert_that_was_taken_is_not_posted_again_whatever_comes_with_the_status(
    rest: bytes,
) -> None:
    with RawServer(always(b"HTTP/1.1 200 OK\r\n" + rest)) as server:
        Webhook(f"{server.url}{PATH}").post("text", "something failed")
    assert server.connections == 1


@pytest.mark.parametrize("spelling", [PATH, PATH.upper(), quote(PATH, safe="")])
def test_a_webhook_that_sends_its_address_back_is_not_shown(
    spelling: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")

    refusal = always(answer(b"", status=f"400 {spelling}"))
    with RawServer(refusal) as server, pytest.raises(AlertError, match=r"HTTP 400 \*") as raised:
        Webhook(f"{server.url}{PATH}").post("text", "something failed")
    shown = str(raised.getrepr(chain=True)) + repr(Webhook(f"{server.url}{PATH}")) + caplog.text
    assert "for-anybody" not in shown.lower()
    assert spelling[4:-4] not in shown
