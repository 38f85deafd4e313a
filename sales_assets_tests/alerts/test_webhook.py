"""The webhook, when it misbehaves."""

import base64
import socket

import pytest

from sales_assets.alerts.webhook import Webhook
from sales_assets_tests.helpers.raw_server import RawServer, drip, read_request


def test_a_webhook_that_drips_is_given_up_in_time() -> None:
    def speak(connection: socket.socket) -> None:
        read_request(connection)
        drip(connection, b"HTTP/1.1 200 OK\r\n", b"A: b\r\n")

    with RawServer(speak) as server:
        problem = Webhook(f"{server.url}/not-for-anybody", seconds=0.3).post("text")
    assert problem == "no whole answer within 0.3 s"
    assert server.connections == 3


@pytest.mark.parametrize(
    "spelling",
    ["/not-for-anybody", "/NOT-FOR-ANYBODY", base64.b64encode(b"/not-for-anybody").decode()],
)
def test_a_webhook_that_sends_its_address_back_is_not_shown(
    spelling: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")

    def speak(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(f"HTTP/1.1 400 {spelling}\r\nContent-Length: 0\r\n\r\n".encode())

    with RawServer(speak) as server:
        webhook = Webhook(f"{server.url}/not-for-anybody")
        shown = f"{webhook.post('text')} {webhook!r}"
    assert shown.startswith("HTTP 400 *")
    assert "for-anybody" not in (shown + caplog.text).lower()
    assert spelling[4:-4] not in shown
