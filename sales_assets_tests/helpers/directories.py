"""A directory that is replaced: what it holds before and after, and how it is done."""

from collections.abc import Mapping

from sales_assets.storage.location import Location
from sales_assets.storage.replace import directories_of

DAY_DIR = "raw/sales/D"
QUARANTINE = "quarantine/sales/D"
OLD = {"1": b"old 1", "2": b"old 2"}
NEW = {"1": b"new 1"}
DEAD = "0" * 32
"""The name of what a process worked on that is no longer there."""


def publish(
    base: Location, files: Mapping[str, bytes], aside: Mapping[str, bytes] | None = None
) -> object:
    """Replace the directory, and its quarantine if files are given; give its state."""
    contents = {DAY_DIR: files} if aside is None else {QUARANTINE: aside, DAY_DIR: files}
    with directories_of(base).replacing(*(base / place for place in contents)) as replacement:
        for new, content in zip(replacement.new, contents.values(), strict=True):
            for name, body in content.items():
                (new / name).write_bytes(body)
        return replacement.publish(lambda: None)


def read(base: Location) -> dict[str, bytes]:
    """Read the directory as one version of it."""
    with directories_of(base).reading(base / DAY_DIR):
        return {path.name: path.read_bytes() for path in (base / DAY_DIR).iterdir()}


def in_place(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Name these files by where they lie below the root of the storage."""
    return {f"{DAY_DIR}/{name}": content for name, content in files.items()}
