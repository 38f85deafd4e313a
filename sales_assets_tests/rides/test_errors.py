"""What is said when a database cannot be used: which one, why, and what to do."""

import os
import resource
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from sales_assets.rides.database import RidesDatabase, RidesStore
from sales_assets.rides.errors import (
    RidesDatabaseBusyError,
    RidesDatabaseError,
    UnstorableRideError,
    explained,
)
from sales_assets_tests.helpers.programs import in_child
from sales_assets_tests.helpers.rides_file import sql, stored
from sales_assets_tests.helpers.rows import ride_answer


def store_at(path: Path, text: str = "") -> None:
    with RidesDatabase(path=str(path), busy_timeout=1).open() as store:
        answer = ride_answer("of a full disk" if text else "r1")
        answer["user"]["name"] = text
        store.store(answer)


NO_DATABASES: dict[str, tuple[Callable[[Path], object], str]] = {
    "text": (
        lambda path: path.write_text("no database at all, but a text of some length\n" * 20),
        "cannot be used .*not a database.*: it is damaged: restore it",
    ),
    "directory": (Path.mkdir, "it is not a regular file: set RIDES_DB to another path"),
    "pipe": (os.mkfifo, "it is not a regular file"),
    "device": (lambda path: path.symlink_to("/dev/null"), "it is not a regular file"),
    "link to itself": (lambda path: path.symlink_to(path), "cannot be used .*set RIDES_DB to"),
    "link into nowhere": (lambda path: path.symlink_to("no/such"), "cannot be used .*set RIDES_DB"),
}


@pytest.mark.parametrize("kind", NO_DATABASES)
def test_what_cannot_be_a_database_is_named(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "rides.db"
    make, reason = NO_DATABASES[kind]
    make(path)
    with pytest.raises(RidesDatabaseError, match=f"the rides database {path}:? {reason}"):
        store_at(path)


def test_a_full_and_a_read_only_disk_are_named_and_keep_what_was_stored(small_disk: Path) -> None:
    path = small_disk / "rides.db"
    store_at(path)
    with pytest.raises(RidesDatabaseError, match=r"disk is full.*: free up space"):
        store_at(path, "x" * 300_000)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)  # noqa: S603, S607
    with pytest.raises(RidesDatabaseError, match=f"{path} cannot be used"):
        store_at(path)
    assert stored(path) == {"r1"}


@pytest.mark.skipif(os.geteuid() != 0, reason="needs the right to become another user")
def test_a_file_that_may_only_be_read_is_named() -> None:
    def store_as_nobody() -> None:
        os.setuid(65534)
        with pytest.raises(RidesDatabaseError, match=r"readonly.*make the file.*writable"):
            store_at(path)

    # Not below the directory of pytest, which no other user may enter.
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "rides.db"
        path.parent.chmod(0o755)
        store_at(path)
        assert in_child(store_as_nobody) == 0
        assert stored(path) == {"r1"}


def test_a_file_that_may_not_grow_is_named_and_keeps_what_was_stored(tmp_path: Path) -> None:
    def store_too_much() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
        with pytest.raises(RidesDatabaseError, match=f"{path} cannot be used"):
            store_at(path, "x" * 300_000)

    path = tmp_path / "rides.db"
    store_at(path)
    assert in_child(store_too_much) == 0
    assert stored(path) == {"r1"}


def test_a_file_that_lacks_a_column_is_named(store: RidesStore, path: Path) -> None:
    sql(path, "ALTER TABLE users DROP COLUMN surname")
    with pytest.raises(RidesDatabaseError, match="its tables are not those of this version"):
        store.store(ride_answer())


def test_a_sqlite_that_is_too_old_is_named(store: RidesStore) -> None:
    with pytest.raises(RidesDatabaseError, match=r"STRICT.*built with SQLite 3\.37 or newer"):
        # As one that does not know STRICT says of each of our tables.
        store.run(lambda connection: connection.exec_driver_sql("SELECT 1 AS a STRICT"))


def test_an_error_shows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTH_TOKEN", "made-up-word")
    with pytest.raises(RidesDatabaseError, match=r"\(no \*\*\*\)"), explained("rides.db"):
        raise OSError("no made-up-word")


def test_a_ride_that_does_not_fit_into_the_tables_is_at_fault_itself(
    place: str, rides: RidesStore
) -> None:
    answer = ride_answer()
    answer["driver"]["driver_uuid"] = "another"
    with pytest.raises(UnstorableRideError, match=r"(?i)foreign key.*these values do not fit into"):
        rides.store(answer)
    assert sql(place, "SELECT * FROM drivers") == []
    assert rides.store(ride_answer())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("codes", "kind", "remedy"),
    [
        ("22021 23514 54000", UnstorableRideError, "these values do not fit"),
        ("08006 25006 53300 57014 57P01", RidesDatabaseBusyError, "check the server"),
        ("40P01 55P03", RidesDatabaseBusyError, "another program"),
        ("3F000 42501", RidesDatabaseError, "grant its user the right"),
        ("42P01", RidesDatabaseError, "its tables are not those of this version"),
        ("53100", RidesDatabaseError, "free up space on its disk"),
        ("XX001", RidesDatabaseError, "see the server log"),
    ],
)
def test_an_error_of_postgres_is_judged_by_its_sqlstate(
    postgres: str, codes: str, kind: type[RidesDatabaseError], remedy: str
) -> None:
    fail = """
        CREATE OR REPLACE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'so it is' USING ERRCODE = '{}'; END $$
    """
    trigger = "CREATE TRIGGER fail BEFORE INSERT ON rides FOR EACH ROW EXECUTE FUNCTION fail()"
    with RidesDatabase(path=postgres).open() as store:
        sql(postgres, fail.format(""), trigger)
        for code in codes.split():
            sql(postgres, fail.format(code))
            with pytest.raises(kind, match=rf"used \(so it is.*\): {remedy}") as error:
                store.store(ride_answer())
            assert error.type is kind
