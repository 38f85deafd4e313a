"""Disks that are odd, and what lies about on them: volumes, links, users, undeletable files."""

import os
import re
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from sales_assets.storage.replace import PublishError, directories_of, local
from sales_assets.storage.replace.work import WORK
from sales_assets_tests.helpers.directories import (
    DAY_DIR,
    DEAD,
    NEW,
    OLD,
    QUARANTINE,
    in_place,
    publish,
    read,
)
from sales_assets_tests.helpers.files import tree
from sales_assets_tests.helpers.programs import fork, in_child, killed_at

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def stored(base: Path) -> dict[str, bytes]:
    return tree(base / DAY_DIR)


def run(*command: str | Path) -> None:
    """Run a command of the system; skip where it is not allowed here."""
    try:
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(str(error))


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A directory in which nothing is mounted or immutable any more at the end."""
    yield tmp_path
    places = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for place in reversed(places):
        if Path(place).is_relative_to(tmp_path):
            run("umount", "-l", place)
    subprocess.run(["chattr", "-R", "-f", "-i", tmp_path], check=False)  # noqa: S603, S607


# What lies in the work directory


@as_root
def test_what_is_not_ours_and_what_cannot_be_deleted_stops_nobody(
    disk: Path,
) -> None:
    publish(disk, OLD)
    strangers = [".DS_Store", "._x", ".nfs123", "Thumbs.db", "notes"]
    for name in strangers:
        (disk / WORK / name).write_bytes(b"mine")
    os.mkfifo(disk / WORK / "pipe")
    left = disk / WORK / DEAD
    left.mkdir()
    (left / "page").write_bytes(b"half")
    run("chattr", "+i", left / "page")
    directories = directories_of(disk)
    directories.sweep()
    publish(disk, NEW)
    assert stored(disk) == NEW
    assert directories.leftovers() == [f"{WORK}/{DEAD}"]
    assert directories.strangers() == sorted(f"{WORK}/{name}" for name in [*strangers, "pipe"])


@as_root
@pytest.mark.parametrize("system", [local._libc, None], ids=["exchange", "two renames"])
def test_an_old_page_that_cannot_be_deleted_fails_nothing_goes_later_and_never_comes_back(
    disk: Path,
    monkeypatch: pytest.MonkeyPatch,
    system: object,
) -> None:
    monkeypatch.setattr(local, "_libc", system)
    publish(disk, OLD)
    run("chattr", "+i", disk / DAY_DIR / "2")
    publish(disk, NEW)
    assert stored(disk) == NEW
    [left] = directories_of(disk).leftovers()
    shutil.rmtree(disk / DAY_DIR)
    assert directories_of(disk).state(disk / DAY_DIR) is None
    run("chattr", "-i", disk / left / "new0/2")
    publish(disk, NEW)
    assert tree(disk) == in_place(NEW)


@as_root
def test_a_quarantine_that_cannot_be_removed_does_not_fail_the_day(disk: Path) -> None:
    (disk / QUARANTINE).mkdir(parents=True)
    run("chattr", "+i", disk / QUARANTINE)
    publish(disk, NEW, aside={})
    assert stored(disk) == NEW
    with pytest.raises(PublishError, match="not permitted"):
        publish(disk, {}, aside={})


def test_what_a_killed_run_of_another_storage_left_is_put_back_there(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    publish(inner, OLD)
    lost = inner / WORK / DEAD / "old"
    lost.mkdir(parents=True)
    (inner / DAY_DIR).rename(lost / "raw%2Fsales%2FD")
    directories_of(tmp_path).sweep()
    assert tree(tmp_path) == {f"inner/{DAY_DIR}/{name}": OLD[name] for name in OLD}


def test_nothing_is_put_back_outside_of_the_storage(tmp_path: Path) -> None:
    base = tmp_path / "base"
    names = [str(tmp_path / "out"), "../out", "raw/../../out"]
    for number, name in enumerate(names):
        old = base / WORK / (str(number) * 32) / "old"
        (old / name.replace("/", "%2F")).mkdir(parents=True)
    directories_of(base).sweep()
    assert [path.name for path in tmp_path.iterdir()] == ["base"]


def test_work_beyond_a_symlink_is_not_swept(tmp_path: Path) -> None:
    left = tmp_path / "elsewhere" / WORK / DEAD
    left.mkdir(parents=True)
    (tmp_path / "base").mkdir()
    (tmp_path / "base/raw").symlink_to(tmp_path / "elsewhere")
    directories_of(tmp_path / "base").sweep()
    assert left.exists()
    assert directories_of(tmp_path / "base").leftovers() == []


# File systems


@as_root
@pytest.mark.parametrize("volume", ["raw", "raw/sales"])
@pytest.mark.parametrize("kind", ["a device of its own", "a volume on the same device"])
def test_a_volume_below_the_storage_works(disk: Path, volume: str, kind: str) -> None:
    base = disk / "base"
    (base / volume).mkdir(parents=True)
    (disk / "volume").mkdir()
    if kind == "a device of its own":
        run("mount", "-t", "tmpfs", "tmpfs", base / volume)
    else:
        run("mount", "--bind", disk / "volume", base / volume)
    for files in (OLD, NEW):
        publish(base, files, aside=files)
        assert stored(base) == tree(base / QUARANTINE) == files
    left = base / volume / WORK / DEAD
    left.mkdir()
    (base / volume / WORK / "notes").write_bytes(b"mine")
    directories = directories_of(base)
    assert directories.leftovers() == [f"{volume}/{WORK}/{DEAD}"]
    assert directories.strangers() == [f"{volume}/{WORK}/notes"]
    directories.sweep()
    assert directories.leftovers() == []


def immutable_day(base: Path) -> None:
    publish(base, OLD)
    run("chattr", "+i", base / DAY_DIR)


def day_in_a_lower_layer(base: Path) -> None:
    parts = [base.parent / name for name in ("lower", "upper", "work")]
    run("mount", "-t", "tmpfs", "tmpfs", base.parent)
    for path in (base, *parts):
        path.mkdir()
    publish(parts[0], OLD)
    options = ",".join(f"{path.name}dir={path}" for path in parts)
    run("mount", "-t", "overlay", "-o", options, "overlay", base)


def day_that_is_a_volume(base: Path) -> None:
    (base / DAY_DIR).mkdir(parents=True)
    run("mount", "-t", "tmpfs", "tmpfs", base / DAY_DIR)
    (base / DAY_DIR / "1").write_bytes(b"mine")


@as_root
@pytest.mark.parametrize(
    ("make", "error"),
    [
        (immutable_day, "Operation not permitted"),
        (day_in_a_lower_layer, r"lower layer of an overlay.*put all of BASE_DIR on"),
        (day_that_is_a_volume, r"is a separate volume.*mount its parent"),
    ],
)
def test_a_day_that_cannot_be_replaced_is_kept_and_the_error_says_what_to_do(
    disk: Path, make: Callable[[Path], None], error: str
) -> None:
    base = disk / "base"
    make(base)
    old = stored(base)
    with pytest.raises(PublishError, match=error):
        publish(base, NEW)
    assert stored(base) == old


def traced(tmp_path: Path, base: Path, *options: str) -> tuple[str, str]:
    """Publish a day in a process whose system calls are traced, or made to fail.

    Returns:
        What it failed with, and the trace.
    """
    trace, failure = tmp_path / "trace", tmp_path / "failure"
    wait, go = os.pipe()

    def act() -> None:
        os.read(wait, 1)
        try:
            publish(base, NEW)
        except PublishError as error:
            failure.write_text(str(error))

    child = fork(act)
    command = ["strace", "-y", "-o", str(trace), *options, "-p", str(child)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as strace:  # noqa: S603
        assert strace.stderr is not None
        attached = "attached" in strace.stderr.readline()
        os.write(go, b"x")
        os.waitpid(child, 0)
    if not attached:
        pytest.skip("strace may not trace a process here")
    return failure.read_text() if failure.exists() else "", trace.read_text()


needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")


@needs_strace
def test_a_new_root_is_made_durable_with_its_parents(tmp_path: Path) -> None:
    base = tmp_path / "a/b"
    failure, trace = traced(tmp_path, base, "-e", "trace=fsync")
    assert not failure
    for place in (tmp_path, tmp_path / "a", base, base / "raw", base / "raw/sales"):
        assert f"<{place}>)" in trace, place


@needs_strace
@pytest.mark.parametrize(
    "inject",
    [
        "fsync:error=EINVAL:when=2+",  # the first one is of the only file
        "renameat2:error=EINVAL",
        "?chmod,fchmodat:error=EPERM",
    ],
)
def test_a_file_system_that_cannot_sync_a_directory_exchange_or_give_a_mode_is_good_enough(
    tmp_path: Path, inject: str
) -> None:
    base = tmp_path / "base"
    publish(base, OLD)
    (base / DAY_DIR).chmod(0o770)
    failure, trace = traced(tmp_path, base, "-e", f"inject={inject}")
    assert not failure
    assert "(INJECTED)" in trace
    assert stored(base) == NEW
    assert not any((base / WORK).iterdir())


@needs_strace
@pytest.mark.parametrize(
    ("inject", "error"),
    [
        ("fsync:error=EIO", "Input/output error"),
        ("flock:error=ENOLCK", "has no locks.*put BASE_DIR on another one"),
        ("flock:error=EOPNOTSUPP", "has no locks.*put BASE_DIR on another one"),
    ],
)
def test_a_file_system_that_fails_or_has_no_locks_fails_the_day_which_keeps_what_it_had(
    tmp_path: Path, inject: str, error: str
) -> None:
    base = tmp_path / "base"
    publish(base, OLD)
    failure, _ = traced(tmp_path, base, "-e", f"inject={inject}")
    assert re.search(error, failure)
    assert tree(base) == in_place(OLD)


# Users of one group


SHARED = 4242


def as_user(number: int, action: Callable[[], object]) -> int:
    """Run in a process of another user, whose umask is strict; give its wait status."""

    def do() -> None:
        os.setgroups([SHARED])
        os.setgid(number)
        os.setuid(number)
        os.umask(0o077)
        action()

    return in_child(do)


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[Path]:
    """A directory that two users of one group may write to."""
    # Directories of pytest are for one user.
    for parent in tmp_path.parents:
        if parent.stat().st_uid == os.getuid() and not parent.stat().st_mode & stat.S_IXOTH:
            parent.chmod(parent.stat().st_mode | stat.S_IXOTH)
    tmp_path.chmod(0o711)
    # Another user may not be able to read Python's modules: import what is imported late.
    left = tmp_path / "imports" / WORK / DEAD / "new"
    publish(tmp_path / "imports", OLD)
    left.mkdir(parents=True)
    (left / "1").write_bytes(b"half")
    publish(tmp_path / "imports", NEW)
    assert directories_of(tmp_path / "imports").leftovers() == []
    base = tmp_path / "base"
    base.mkdir()
    os.chown(base, 0, SHARED)
    yield base
    shutil.rmtree(base)


@as_root
@pytest.mark.parametrize("mode", [0o2770, 0o770])
def test_two_users_of_a_group_do_not_lock_each_other_out(shared: Path, mode: int) -> None:
    shared.chmod(mode)

    def look() -> None:
        assert read(shared) == NEW
        directories = directories_of(shared)
        directories.sweep()
        assert directories.leftovers() == []

    def die() -> None:
        with directories_of(shared).replacing(shared / DAY_DIR) as replacement:
            (replacement.new[0] / "1").write_bytes(b"half")
            os._exit(0)

    for user in (4301, 4302, 4301):
        assert as_user(user, lambda: publish(shared, NEW, aside=NEW)) == 0
        assert as_user(4302, look) == 0
        assert as_user(4301, die) == 0
        assert as_user(4302, look) == 0
    for path in shared.rglob("*"):
        assert path.stat().st_gid == SHARED, path


@as_root
def test_what_one_user_lost_between_two_renames_another_one_puts_back(
    shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "_libc", None)
    shared.chmod(0o2770)
    action = partial(publish, shared, NEW)

    def killed() -> None:
        step = 1
        while (shared / DAY_DIR).exists():
            assert killed_at(step, action, {local.__file__}, "_move_in_two_steps")
            step += 1

    assert as_user(4301, lambda: publish(shared, OLD)) == 0
    assert as_user(4301, killed) == 0
    assert as_user(4302, lambda: directories_of(shared).state(shared / DAY_DIR)) == 0
    assert stored(shared) == OLD
    assert not any((shared / WORK).iterdir())
