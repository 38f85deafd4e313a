"""Proxies and certificates that the environment names."""

import base64
import socket
from pathlib import Path

import pytest

from sales_assets.http.transport import CA_VARIABLES
from sales_assets.http.errors import HttpError, TransientHttpError
from sales_assets_tests.helpers.http_client import as_it_is, client_of
from sales_assets_tests.helpers.raw_server import RawServer, always, answer, read_request


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_this_machine_is_never_asked_through_a_proxy(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    with RawServer(always(answer(b"[]"))) as server, RawServer(always(answer(b"no"))) as proxy:
        for variable in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(variable, proxy.url)
        with client_of(f"http://{name}:{server.port}") as client:
            assert client.get("/", {}, as_it_is).body == b"[]"
    assert proxy.connections == 0


@pytest.mark.parametrize("scheme", ["http://", "HTTP://", ""])
def test_a_proxy_gets_its_password_and_no_error_shows_it(
    scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests: list[bytes] = []

    def speak(connection: socket.socket) -> None:
        requests.append(read_request(connection))
        connection.sendall(answer(b"", status="407 made-up-password"))

    with RawServer(speak) as proxy:
        url = proxy.url.removeprefix("http://")
        monkeypatch.setenv("http_proxy", f"{scheme}me:made-up-password@{url}")
        with client_of("http://sales.example") as client:
            refused = client.get("/", {}, as_it_is).error()
    assert base64.b64encode(b"me:made-up-password") in requests[0]
    assert str(refused) == "http://sales.example/: HTTP 407 ***"


@pytest.mark.parametrize(
    "proxy",
    [
        *("socks5://SECRET@host", "'http://host'", "http://", "http:host", "http://host:SECRET"),
        *("http://[::1", "http://me:SE/CRET@host", "http://me:SE#CRET@host", "http://host "),
        *("me:SECRET@host:x", "host:99999", ":3128", "//host"),
    ],
)
@pytest.mark.parametrize("address", ["http://sales.example", "https://sales.example"])
def test_what_cannot_be_a_proxy_is_refused_and_not_shown(
    proxy: str, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, proxy)
    with (
        pytest.raises(HttpError, match="the proxy in the environment") as error,
        client_of(address),
    ):
        """Made at all."""
    assert "SE" not in str(error.value)


@pytest.mark.parametrize("variable", CA_VARIABLES)
def test_certificates_that_are_missing_are_named_with_their_variable(
    variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in CA_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "empty.pem").touch()
    for path in (tmp_path / "nowhere.pem", tmp_path / "empty.pem"):
        monkeypatch.setenv(variable, str(path))
        with (
            pytest.raises(HttpError, match=rf"{variable} is '.*{path.name}', which has no certif"),
            client_of("https://sales.example"),
        ):
            """Made at all."""


def test_certificates_may_be_a_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path))
    with (
        client_of("https://127.0.0.1:1") as client,
        pytest.raises(TransientHttpError, match="Connection refused"),
    ):
        client.get("/", {}, as_it_is)
