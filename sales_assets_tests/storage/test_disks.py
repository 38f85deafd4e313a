"""Disks that are odd, and what lies about on them: volumes, links, users, undeletable files."""

import os
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from sales_assets.storage.replace import PublishError, directories_of, local
from sales_assets.storage.replace.work import WORK
from sales_assets_tests.helpers.children import fork, in_child, killed_at
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
def immutable() -> Iterator[Callable[[Path], None]]:
    """Make files that nobody can delete, until the end of the test."""
    made: list[Path] = []

    def make(path: Path) -> None:
        run("chattr", "+i", path)
        made.append(path)

    yield make
    for path in made:
        # It may have moved to where work is done.
        for found in path.parents[3].rglob(path.name):
            subprocess.run(["chattr", "-i", found], check=False)  # noqa: S603, S607


@pytest.fixture
def mount() -> Iterator[Callable[..., None]]:
    """Mount file systems, until the end of the test."""
    with ExitStack() as mounted:

        def do(*arguments: str | Path) -> None:
            run("mount", *arguments)
            mounted.callback(run, "umount", "-l", arguments[-1])

        yield do


# What lies in the work directory


@as_root
def test_what_is_not_ours_and_what_cannot_be_deleted_stops_nobody(
    tmp_path: Path, immutable: Callable[[Path], None]
) -> None:
    publish(tmp_path, OLD)
    strangers = [".DS_Store", "._x", ".nfs123", "Thumbs.db", "notes"]
    for name in strangers:
        (tmp_path / WORK / name).write_bytes(b"mine")
    os.mkfifo(tmp_path / WORK / "pipe")
    left = tmp_path / WORK / DEAD
    left.mkdir()
    (left / "page").write_bytes(b"half")
    immutable(left / "page")
    directories = directories_of(tmp_path)
    directories.sweep()
    publish(tmp_path, NEW)
    assert stored(tmp_path) == NEW
    assert directories.leftovers() == [f"{WORK}/{DEAD}"]
    assert directories.strangers() == sorted(f"{WORK}/{name}" for name in [*strangers, "pipe"])


@as_root
@pytest.mark.parametrize("system", [local._libc, None], ids=["exchange", "two renames"])
def test_an_old_page_that_cannot_be_deleted_fails_nothing_goes_later_and_never_comes_back(
    tmp_path: Path,
    immutable: Callable[[Path], None],
    monkeypatch: pytest.MonkeyPatch,
    system: object,
) -> None:
    monkeypatch.setattr(local, "_libc", system)
    publish(tmp_path, OLD)
    immutable(tmp_path / DAY_DIR / "2")
    publish(tmp_path, NEW)
    assert stored(tmp_path) == NEW
    [left] = directories_of(tmp_path).leftovers()
    shutil.rmtree(tmp_path / DAY_DIR)
    assert not directories_of(tmp_path).exists(tmp_path / DAY_DIR)
    run("chattr", "-i", tmp_path / left / "new0/2")
    publish(tmp_path, NEW)
    assert tree(tmp_path) == in_place(NEW)


@as_root
def test_a_day_that_cannot_be_moved_keeps_what_it_had(
    tmp_path: Path, immutable: Callable[[Path], None]
) -> None:
    publish(tmp_path, OLD)
    immutable(tmp_path / DAY_DIR)
    with pytest.raises(PublishError, match="Operation not permitted"):
        publish(tmp_path, NEW)
    assert stored(tmp_path) == OLD


@as_root
def test_a_quarantine_that_cannot_be_removed_does_not_fail_the_day(
    tmp_path: Path, immutable: Callable[[Path], None]
) -> None:
    (tmp_path / QUARANTINE).mkdir(parents=True)
    immutable(tmp_path / QUARANTINE)
    publish(tmp_path, NEW, aside={})
    assert stored(tmp_path) == NEW
    with pytest.raises(PublishError, match="not permitted"):
        publish(tmp_path, {}, aside={})


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


# Two renames, where nothing can be exchanged


@pytest.fixture
def no_exchange(monkeypatch: pytest.MonkeyPatch) -> None:
    """A system without `renameat2`."""
    monkeypatch.setattr(local, "_libc", None)


def killed_between_two_renames(base: Path, step: int) -> bool:
    action = partial(publish, base, NEW)
    return killed_at(step, action, {local.__file__}, "_move_in_two_steps")


@pytest.mark.usefixtures("no_exchange")
def test_kill_9_between_two_renames_loses_no_day(tmp_path: Path) -> None:
    publish(tmp_path, OLD)
    step = 1
    while killed_between_two_renames(tmp_path, step):
        with directories_of(tmp_path).replacing(tmp_path / "raw/sales/E") as living:
            # Other processes go on meanwhile.
            (living.new[0] / "1").write_bytes(b"living")
            assert directories_of(tmp_path).exists(tmp_path / DAY_DIR)
            assert stored(tmp_path) in (OLD, NEW)
        publish(tmp_path, OLD)
        assert not any((tmp_path / WORK).iterdir())
        step += 1
    assert step > 5


@pytest.mark.usefixtures("no_exchange")
def test_a_run_that_is_stopped_between_two_renames_puts_the_day_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = os.rename

    def interrupted(old: Path, new: Path, **directories: int) -> None:
        if "dst_dir_fd" in directories:
            raise KeyboardInterrupt
        rename(old, new, **directories)

    publish(tmp_path, OLD)
    monkeypatch.setattr(os, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        publish(tmp_path, NEW)
    assert stored(tmp_path) == OLD
    assert not any((tmp_path / WORK).iterdir())


# File systems


@as_root
@pytest.mark.parametrize("volume", ["raw", "raw/sales"])
@pytest.mark.parametrize("kind", ["a device of its own", "a volume on the same device"])
def test_a_volume_below_the_storage_works(
    tmp_path: Path, mount: Callable[..., None], volume: str, kind: str
) -> None:
    base = tmp_path / "base"
    (base / volume).mkdir(parents=True)
    (tmp_path / "volume").mkdir()
    if kind == "a device of its own":
        mount("-t", "tmpfs", "tmpfs", base / volume)
    else:
        mount("--bind", tmp_path / "volume", base / volume)
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


@as_root
def test_a_day_in_a_lower_layer_of_an_overlay_is_kept_and_the_error_says_what_to_do(
    tmp_path: Path, mount: Callable[..., None]
) -> None:
    mount("-t", "tmpfs", "tmpfs", tmp_path)
    base = tmp_path / "base"
    for name in ("lower", "upper", "work", "base"):
        (tmp_path / name).mkdir()
    publish(tmp_path / "lower", OLD)
    options = ",".join(f"{name}dir={tmp_path / name}" for name in ("lower", "upper", "work"))
    mount("-t", "overlay", "-o", options, "overlay", base)
    with pytest.raises(PublishError, match=r"lower layer of an overlay.*put all of BASE_DIR on"):
        publish(base, NEW)
    assert stored(base) == OLD


@as_root
def test_a_day_that_is_a_volume_of_its_own_is_kept_and_the_error_says_what_to_do(
    tmp_path: Path, mount: Callable[..., None]
) -> None:
    (tmp_path / DAY_DIR).mkdir(parents=True)
    mount("-t", "tmpfs", "tmpfs", tmp_path / DAY_DIR)
    (tmp_path / DAY_DIR / "1").write_bytes(b"mine")
    with pytest.raises(PublishError, match=r"is a separate volume.*mount its parent"):
        publish(tmp_path, NEW)
    assert stored(tmp_path) == {"1": b"mine"}


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
def test_a_failing_fsync_fails_the_day_which_keeps_what_it_had(tmp_path: Path) -> None:
    base = tmp_path / "base"
    publish(base, OLD)
    failure, _ = traced(tmp_path, base, "-e", "inject=fsync:error=EIO")
    assert "Input/output error" in failure
    assert tree(base) == in_place(OLD)


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
@pytest.mark.parametrize("error", ["ENOLCK", "EOPNOTSUPP"])
def test_a_file_system_without_locks_is_explained(tmp_path: Path, error: str) -> None:
    failure, _ = traced(tmp_path, tmp_path / "base", "-e", f"inject=flock:error={error}")
    assert "has no locks" in failure
    assert "put BASE_DIR on another one" in failure


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
@pytest.mark.usefixtures("no_exchange")
def test_what_one_user_lost_between_two_renames_another_one_puts_back(shared: Path) -> None:
    shared.chmod(0o2770)

    def killed() -> None:
        step = 1
        while (shared / DAY_DIR).exists():
            assert killed_between_two_renames(shared, step)
            step += 1

    assert as_user(4301, lambda: publish(shared, OLD)) == 0
    assert as_user(4301, killed) == 0
    assert as_user(4302, lambda: directories_of(shared).exists(shared / DAY_DIR)) == 0
    assert stored(shared) == OLD
    assert not any((shared / WORK).iterdir())
