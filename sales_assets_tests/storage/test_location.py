"""How the root of a storage is written."""

from pathlib import Path

import pytest

from sales_assets.http.address import InvalidAddressError
from sales_assets.storage.location import leads_to, location


@pytest.mark.parametrize(
    ("written", "path"),
    [
        ("~/sales", "home/sales"),
        ("a/b/", "here/a/b"),
        *((f"file:{slashes}/a%20b", "/a b") for slashes in ("", "//", "//localhost")),
    ],
)
def test_a_path_of_this_machine_may_be_written_in_several_ways(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, written: str, path: str
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "here")
    assert location(written) == tmp_path / path


@pytest.mark.parametrize("address", ["s3://bucket/a", "S3://bucket/a", "memory://", "s3://b/a:@"])
def test_an_address_of_an_object_store_is_taken_whatever_the_case_of_its_scheme(
    address: str,
) -> None:
    assert str(location(address)) == address.replace("S3", "s3")


@pytest.mark.parametrize(
    "address",
    [
        *("", " ", "a\n", "/a\r\n", "a ", "\ta", "a\x00b", "a\x85b", "file:///a%0A"),
        *("file:///a%C2%9Bm", "file://", "file:///a?b", "file:///a#b", "~nobody-here/a"),
        "file://other/a",
        *('"/a"', "'a'", "'s3://b/x'", "$HOME/a", "${HOME}/a", "/a/$(pwd)"),
        *("s3://", "s3:///x", "gs:///", "\\\\server\\a", "/a\udcff", "\u2018/a\u2019", "`pwd`/a"),
        *("s3:/b/x", "s3:b", "https://h/x", "simplecache::s3://b", "mysql://h", "C:\\a", "a:b/c"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_to_do(address: str) -> None:
    with pytest.raises(InvalidAddressError, match=r"BASE_DIR is .*a local path"):
        location(address)


@pytest.mark.parametrize(
    "address",
    [
        *("s3://KEY:SECRET@bucket/a", "s3://KEY:SE/CRET@bucket", "s3://SECRET@bucket"),
        *("s3://KEY%3ASECRET@bucket", "ftp://u:SECRET@h", "s3://bucket/a?secret=SECRET"),
        *("s3://bucket/#SECRET", "s3:/KEY:SECRET@bucket", "KEY:SECRET@bucket", "//u:SECRET@h/a"),
        *("'s3://KEY:SECRET@bucket'", "s3://KEY:SECRET@bucket\n", "$X://u:SECRET@h"),
        *("s3//KEY:SECRET@bucket", "account=KEY;password=SECRET", "/://SECRET@h"),
    ],
)
def test_what_may_be_a_password_is_refused_and_not_shown(address: str) -> None:
    with pytest.raises(InvalidAddressError) as error:
        location(address)
    assert "SE" not in str(error.value).replace("BASE_DIR", "").replace("AWS_SECRET_ACCESS_KEY", "")


def test_a_record_is_found_by_way_of_a_symlink_and_may_hold_anything(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert leads_to(str(tmp_path / "link/D"), tmp_path / "real/D")
    assert leads_to(f"{tmp_path}/real/D/", tmp_path / "link/D")
    for odd in ("", "\x00", "/a\x00", "a\n", "s3://b/D", str(tmp_path / "other/D"), "/" * 9):
        assert not leads_to(odd, tmp_path / "real/D"), odd
