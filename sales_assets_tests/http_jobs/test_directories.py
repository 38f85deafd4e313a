"""Which directories the HTTP jobs accept, on a real file system, and the lock of a day."""

from pathlib import Path

import pytest
from werkzeug.exceptions import BadRequest, Conflict

from sales_assets.http_jobs.directories import StoredDay, locked_day, refuse_strangers, stored_day
from sales_assets.storage.replace.work import WORK, sweep
from sales_assets_tests.helpers.rows import DAY


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An allowed root, beside a directory that is not allowed, and with an odd one."""
    (tmp_path / "outside" / "raw" / "sales" / DAY).mkdir(parents=True)
    (tmp_path / "root" / "odd\x1b").mkdir(parents=True)
    (tmp_path / "root" / "link to odd").symlink_to(tmp_path / "root" / "odd\x1b")
    return tmp_path / "root"


def of_raw(root: Path, text: object) -> StoredDay:
    return stored_day({"raw": str(text)}, [root])


def test_directories_stand_for_a_day_below_a_root(root: Path) -> None:
    name = root.parent / "another name"
    name.symlink_to(root)
    for text in (root, f"{root}//.", name):
        directories = {layer: f"{text}/{layer}/sales/{DAY}/" for layer in ("raw", "stg")}
        assert stored_day(directories, [name]) == StoredDay(root, DAY)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "relative"),
        (f"raw/sales/{DAY}", "relative"),
        (f"s3://bucket/raw/sales/{DAY}", "relative"),
        (f"ROOT/../outside/raw/sales/{DAY}", "'..'"),
        (f"ROOT/raw/sales/../sales/{DAY}", "'..'"),
        (f"ROOT\0/raw/sales/{DAY}", "control character"),
        (f"ROOT/a\u0085b/raw/sales/{DAY}", "control character"),
        (f"ROOT/a%0ab/raw/sales/{DAY}", "control character"),
        (f"ROOT/link to odd/raw/sales/{DAY}", "control character"),
        (f"ROOT/a /raw/sales/{DAY}", "white space"),
        (f"ROOT/a\u00a0/raw/sales/{DAY}", "white space"),
        (f"ROOT/stg/sales/{DAY}", "form ROOT/raw/sales/YYYY-MM-DD"),
        (f"ROOT/raw/rides/{DAY}", "form ROOT/raw/sales/YYYY-MM-DD"),
        (f"ROOT/sales/{DAY}", "form ROOT/raw/sales/YYYY-MM-DD"),
        ("ROOT/raw/sales/today", "form ROOT/raw/sales/YYYY-MM-DD"),
        ("ROOT/raw/sales/٢٠٢٢-٠٨-٠٩", "form ROOT/raw/sales/YYYY-MM-DD"),
        ("ROOT", "form ROOT/raw/sales/YYYY-MM-DD"),
        (f"/raw/sales/{DAY}", "SALES_HTTP_ROOTS"),
        (f"ROOT-not/raw/sales/{DAY}", "SALES_HTTP_ROOTS"),
        (f"ROOT/raw/sales/{DAY}/raw/sales/{DAY}", "reserved for the storage"),
        (f"ROOT/a/stg/raw/sales/{DAY}", "reserved for the storage"),
        (f"ROOT/.work/x/raw/sales/{DAY}", "reserved for the storage"),
        (f"ROOT/quarantine/sales/{DAY}/raw/sales/{DAY}", "is inside quarantine"),
        (f"ROOT/{'é/' * 400}raw/sales/{DAY}", "too long"),
    ],
)
def test_a_directory_that_does_not_fit_is_refused(root: Path, text: str, reason: str) -> None:
    with pytest.raises(BadRequest, match="raw_dir") as failure:
        of_raw(root, text.replace("ROOT", str(root)))
    assert reason in str(failure.value)


@pytest.mark.parametrize(
    "link",
    [
        "a",
        *("a/raw", "a/raw/sales", f"a/raw/sales/{DAY}", f"a/raw/sales/{DAY}/sales_{DAY}.json"),
        *("a/stg", "a/stg/sales", f"a/stg/sales/{DAY}/x"),
        *("a/quarantine/sales", f"a/quarantine/sales/{DAY}/x"),
        *("a/.work", "a/.work/1/old", f"a/.work/1/old/raw/sales/{DAY}"),
    ],
)
def test_a_symlink_out_is_refused(root: Path, link: str) -> None:
    (root / link).parent.mkdir(parents=True, exist_ok=True)
    (root / link).symlink_to(root.parent / "outside")
    with pytest.raises(BadRequest, match="SALES_HTTP_ROOTS" if link == "a" else "symlink"):
        of_raw(root, root / "a" / "raw" / "sales" / DAY)


@pytest.mark.parametrize("file", ["a", "a/raw", f"a/raw/sales/{DAY}", "a/.work", "a/stg"])
def test_a_file_in_the_way_is_refused(root: Path, file: str) -> None:
    (root / file).parent.mkdir(parents=True, exist_ok=True)
    (root / file).touch()
    with pytest.raises(BadRequest, match="not a directory"):
        of_raw(root, root / "a" / "raw" / "sales" / DAY)


def test_a_root_within_two_allowed_ones_keeps_the_rules_of_both(root: Path) -> None:
    inner = root / "raw" / "sales"
    with pytest.raises(BadRequest, match="is inside raw"):
        stored_day({"raw": f"{inner}/raw/sales/{DAY}"}, [inner, root])


def test_a_root_that_becomes_a_symlink_later_is_refused_then(root: Path) -> None:
    day = of_raw(root, root / "a" / "raw" / "sales" / DAY)
    refuse_strangers(day)
    (root / "a").symlink_to(root.parent / "outside")
    with pytest.raises(BadRequest, match="symlink"):
        refuse_strangers(day)


@pytest.mark.parametrize("other", ["ROOT/stg/sales/2022-08-10", f"ROOT/a/stg/sales/{DAY}"])
def test_directories_that_do_not_agree_are_refused(root: Path, other: str) -> None:
    directories = {"raw": f"{root}/raw/sales/{DAY}", "stg": other.replace("ROOT", str(root))}
    with pytest.raises(BadRequest, match="same day below the same root"):
        stored_day(directories, [root])


def test_a_day_is_locked_once_at_a_time_and_leaves_nothing(tmp_path: Path) -> None:
    day = StoredDay(tmp_path, DAY)
    with locked_day(day):
        sweep(tmp_path / WORK)  # As any run does.
        with pytest.raises(Conflict, match=f"{DAY} below '{tmp_path}': try again"):
            locked_day(day).__enter__()
    assert not any((tmp_path / WORK).iterdir())


@pytest.mark.parametrize("name", ["file", "x" * 256])
def test_a_storage_that_cannot_be_written_to_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BadRequest, match=f"cannot write to .*{name}"):
        locked_day(StoredDay(tmp_path / name, DAY)).__enter__()
