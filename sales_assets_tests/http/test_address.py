"""What an address is, and what is said of something else."""

import pytest

from sales_assets.http.address import (
    InvalidAddressError,
    check_address,
    is_loopback,
)


@pytest.mark.parametrize(
    "address",
    ["https://host.example.", "http://[::1]:8000/v1", "HTTPS://API.example.com:65535/a_b/c.d"],
)
def test_an_address_is_taken_without_a_slash_at_its_end(address: str) -> None:
    assert check_address(f"{address}/", "SALES_API_URL") == address


@pytest.mark.parametrize(
    "value",
    [
        *("sampel", "host:80", "ftp://host", "https:host", "'https://host'", "https://host/$A"),
        *("https://", "https://:80", "https:///path", "https://a..b", "https://.", "https://ö"),
        f"https://{'a' * 64}.com",
        *(f"http://host:{port}" for port in ("", "0", "65536", "x", "-1")),
        *("http://[", "http://[::1", "http://[::zz]", "http://[127.0.0.1]", "http://[::1]x"),
        *("http://x[::1]", "http://[fe80::1%25eth0]", "https://me:pw@host", "https://me@host"),
        *("https://host/v1?", "https://host/v1?key=value", "https://host?key"),
        *("https://host/#top", "https://host#", "https://host/a b", " https://host"),
        *("https://host\n", "https://ho\tst", "https://host/\x00", "https://host\\@elsewhere"),
    ],
)
def test_anything_else_is_refused_with_its_reason(value: str) -> None:
    reason = r"an address of the form https://host\[:port\]\[/path\] \(\w+"
    with pytest.raises(InvalidAddressError, match=f"SALES_API_URL is .*; expected {reason}"):
        check_address(value, "SALES_API_URL")


@pytest.mark.parametrize(
    "value",
    [
        *("https://SECRET@host", "https://me:SECRET@host", "https://me:SE?CRET@host"),
        *("https://me:SE/CRET@host", "https://me:SE@CRET@host", "https://me:x://SECRET@host"),
        *("me:SECRET@http://host", "me:SECRET@host", "https://host/v1?key=SECRET"),
        *("https://host/v1?key=x@SECRET", "host?SECRET", "https://host/#SECRET"),
        "https://host/v1?a=b#SECRET\n",
    ],
)
def test_what_may_be_secret_is_not_shown(value: str) -> None:
    with pytest.raises(InvalidAddressError) as error:
        check_address(value, "SALES_API_URL")
    assert "CRET" not in str(error.value)
    assert "SE" not in str(error.value).replace("SALES", "")


def test_anything_else_is_shown_unless_the_address_itself_is_a_secret() -> None:
    with pytest.raises(InvalidAddressError, match=r"is 'sampel'; .*, or the word sample \("):
        check_address("sampel", "SALES_API_URL", or_else=", or the word sample")
    with pytest.raises(InvalidAddressError, match="SALES_ALERT_URL is invalid; expected") as error:
        check_address("https://hooks.example.com/SECRET ", "SALES_ALERT_URL", secret=True)
    assert "hooks" not in str(error.value)
    with pytest.raises(InvalidAddressError, match=r"is empty or not set; expected .*: set it$"):
        check_address("", "ORDERS_API_URL")


def test_only_loopback_is_this_machine() -> None:
    own = ["127.0.0.1", "127.8.9.1", "::1", "[::1]", "localhost", "LOCALHOST", "::ffff:127.0.0.1"]
    assert [host for host in own if not is_loopback(host)] == []
    others = ["", "128.0.0.1", "::2", "localhost.example", "10.0.0.1"]
    assert [host for host in others if is_loopback(host)] == []
