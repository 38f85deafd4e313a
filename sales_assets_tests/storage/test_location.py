"""How the root of a storage is written."""

from pathlib import Path

import pytest

from sales_assets.storage.location import InvalidLocationError, leads_to, location


def test_a_home_directory_is_expanded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert location("~/sales") == tmp_path / "sales"


def test_a_relative_path_is_below_the_working_directory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert location("a/b/") == tmp_path / "a/b"


@pytest.mark.parametrize("address", ["file:///a%20b", "file://localhost/a%20b", "file:/a%20b"])
def test_a_file_url_of_this_machine_is_a_local_path(address: str) -> None:
    assert location(address) == Path("/a b")


@pytest.mark.parametrize(
    "address",
    [
        *("", " ", "a\n", "/a\r\n", "a ", "\ta", "a\x00b", "a\x85b", "file:///a%0A"),
        *("file://other/a", "file://", "file:///a?b", "file:///a#b", "~nobody-here/a"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_to_do(address: str) -> None:
    with pytest.raises(InvalidLocationError, match=r"BASE_DIR is .*(set it|write )"):
        location(address)


def test_a_record_is_found_by_way_of_a_symlink_and_may_hold_anything(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert leads_to(str(tmp_path / "link/D"), tmp_path / "real/D")
    assert leads_to(f"{tmp_path}/real/D/", tmp_path / "link/D")
    for odd in ("", "\x00", "/a\x00", "a\n", "s3://b/D", str(tmp_path / "other/D"), "/" * 9):
        assert not leads_to(odd, tmp_path / "real/D"), odd
