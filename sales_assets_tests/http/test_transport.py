"""What goes over the wire: sizes, codings, connections and TLS, against servers on real sockets."""

import base64
import itertools
import socket
import ssl
import time
from pathlib import Path

import pytest
from werkzeug.serving import make_ssl_devcert

from sales_assets.http.errors import HttpError, TransientHttpError
from sales_assets.http.tokens import TokenAuth
from sales_assets.http.transport import CA_VARIABLES
from sales_assets_tests.helpers.http_client import asked, client_of, got
from sales_assets_tests.helpers.raw_server import (
    HEAD,
    RawServer,
    Speak,
    always,
    answer,
    drip,
    in_turn,
    read_request,
)


def endless(before: bytes, more: bytes) -> Speak:
    def speak(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(before)
        for _ in range(100_000):
            connection.sendall(more)

    return speak


@pytest.mark.parametrize(
    "headers", ["", "Transfer-Encoding: chunked\r\n", "Content-Length: 99999999999\r\n"]
)
def test_an_endless_body_is_refused_and_not_asked_for_again(headers: str) -> None:
    more = b"10000\r\n" + bytes(65536) + b"\r\n"
    with (
        RawServer(endless(HEAD + headers.encode() + b"\r\n", more)) as server,
        pytest.raises(HttpError, match=r"more than 1000000 bytes \(max_page_bytes\)"),
    ):
        asked(server.url, max_attempts=3)
    assert server.connections == 1


def test_a_body_of_just_the_largest_size_is_taken() -> None:
    body = bytes(1000)
    assert asked(always(answer(body)), max_page_bytes=1000).body == body
    with pytest.raises(HttpError, match="more than 999 bytes"):
        asked(always(answer(body)), max_page_bytes=999)


@pytest.mark.parametrize("status", [404, 400, 302])
def test_of_an_endless_error_only_the_beginning_is_read(status: int) -> None:
    found = asked(endless(f"HTTP/1.1 {status} No\r\nLocation: x:\r\n\r\n".encode(), bytes(65536)))
    assert found.status == status
    assert len(found.body) <= 65536


@pytest.mark.parametrize("more", [b"a" * 4096, b"A: b\r\n" * 600], ids=["a line", "lines"])
def test_endless_headers_are_refused(more: bytes) -> None:
    with pytest.raises(TransientHttpError, match=r"header|1000 headers"):
        asked(endless(HEAD + b"X: ", more))


def test_many_headers_are_taken() -> None:
    assert asked(always(answer(b"[]", *(f"X-{n}: {n}" for n in range(500))))).body == b"[]"


@pytest.mark.parametrize("size", ["-5", "-", "", "x", "fffffffffffffffffffff", "1_0"])
def test_a_malformed_size_of_a_chunk_is_asked_for_again(size: str) -> None:
    head = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    replies = in_turn(head + f"{size}\r\n[]\r\n0\r\n\r\n".encode(), answer(b"[]"))
    assert asked(replies, max_attempts=2).body == b"[]"


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (b"", "Remote end closed connection without response"),
        (HEAD + b"Content-Length: 9\r\n\r\n[", "1 bytes read, 8 more expected"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n[", "IncompleteRead"),
    ],
)
def test_a_response_that_is_cut_off_is_told_in_words(reply: bytes, reason: str) -> None:
    with pytest.raises(TransientHttpError, match=rf"no complete response \([^'\"]*{reason}"):
        asked(in_turn(reply))


def test_an_error_says_the_limit_that_was_set() -> None:
    with pytest.raises(TransientHttpError, match=r"no byte received within 0\.1 s"):
        asked(lambda connection: drip(connection, b"", b""), read_timeout=0.1)


@pytest.mark.parametrize("before", ["", "A: b\r\n"], ids=["first", "later"])
@pytest.mark.parametrize(
    "line", ["made up", "Made : up", ": up", "M\u00e4de: up", "Made: up\rand down"]
)
def test_a_malformed_header_fails_at_once_and_is_named(line: str, before: str) -> None:
    headers = f"{before}{line}\r\nTransfer-Encoding: chunked\r\n\r\n".encode("latin-1")
    with pytest.raises(HttpError, match=r"the response has a malformed header: .*(up|down|name)"):
        asked(in_turn(HEAD + headers + b"2\r\n[]\r\n0\r\n\r\n"), max_attempts=3)


def test_requests_ask_for_json_that_no_cache_has_kept() -> None:
    seen: list[bytes] = []
    asked(always(answer(b"[]"), seen.append))
    for line in (b"Accept: application/json", b"Cache-Control: no-cache", b"Connection: close"):
        assert line in seen[0].split(b"\r\n")


def test_cookies_are_not_kept() -> None:
    seen: list[bytes] = []
    speak = always(answer(b"[]", "Set-Cookie: a=b; Path=/"), seen.append)
    with RawServer(speak) as server, client_of(server.url) as client:
        for _ in range(2):
            got(client)
    assert [b"ookie" in request for request in seen] == [False, False]


def test_a_netrc_neither_replaces_the_token_nor_adds_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("default login me password made-up-password\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    seen: list[bytes] = []
    speak = always(answer(b"[]"), seen.append)
    asked(speak, auth=TokenAuth("made-up-word"))
    asked(speak)
    assert b"Authorization: made-up-word\r\n" in seen[0]
    assert b"Authorization" not in seen[1]


@pytest.mark.parametrize("size", [10, 5_000, 100_000])
@pytest.mark.parametrize("is_late", [False, True])
def test_an_answer_too_much_is_never_taken_for_the_next_one(size: int, is_late: bool) -> None:
    numbers = itertools.count(1)

    def speak(connection: socket.socket) -> None:
        while read_request(connection):
            whole = answer(str(next(numbers)).encode().ljust(size))
            connection.sendall(whole if is_late else whole + whole)
            if is_late:
                time.sleep(0.0002)
                connection.sendall(whole)

    with RawServer(speak) as server, client_of(server.url) as client:
        bodies = [got(client).body for _ in range(20)]
    assert [int(body) for body in bodies] == list(range(1, 21))
    assert server.connections == 20


def test_tls_is_spoken_with_those_who_have_a_certificate_and_with_nobody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate, key = make_ssl_devcert(str(tmp_path / "server"), cn="localhost")
    tls.load_cert_chain(certificate, key)
    with RawServer(always(answer(b"[]")), tls) as server:
        address = f"https://localhost:{server.port}"
        with pytest.raises(TransientHttpError, match="CERTIFICATE_VERIFY_FAILED"):
            asked(address)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", certificate)
        assert asked(address).body == b"[]"


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_this_machine_is_never_asked_through_a_proxy(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    with RawServer(always(answer(b"[]"))) as server, RawServer(always(answer(b"no"))) as proxy:
        for variable in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(variable, proxy.url)
        assert asked(f"http://{name}:{server.port}").body == b"[]"
    assert proxy.connections == 0


@pytest.mark.parametrize("scheme", ["http://", "HTTP://", ""])
def test_a_proxy_gets_its_password_and_no_error_shows_it(
    scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bytes] = []
    with RawServer(always(answer(b"", status="407 made-up-password"), seen.append)) as proxy:
        url = proxy.url.removeprefix("http://")
        monkeypatch.setenv("http_proxy", f"{scheme}me:made-up-password@{url}")
        refused = asked("http://sales.example").error()
    assert base64.b64encode(b"me:made-up-password") in seen[0]
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
    with pytest.raises(HttpError, match="the proxy in the environment") as error:
        asked(address)
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
        with pytest.raises(HttpError, match=rf"{variable} is '.*{path.name}', which has no cert"):
            asked("https://sales.example")


def test_certificates_may_be_a_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path))
    with pytest.raises(TransientHttpError, match="Connection refused"):
        asked("https://127.0.0.1:1")
