"""A directory that is replaced: what it holds before and after, and how it is done."""

from sales_assets.storage.location import Location
from sales_assets.storage.replace import directories_of

DAY_DIR = "raw/sales/D"
OLD = {"1": b"old 1", "2": b"old 2"}
NEW = {"1": b"new 1"}
DEAD = "0" * 32
"""The name of what a process worked on that is no longer there."""


def publish(base: Location, files: dict[str, bytes]) -> None:
    """Replace the directory by one that holds these files."""
    with directories_of(base).replacing(base / DAY_DIR) as replacement:
        [new] = replacement.new
        for name, content in files.items():
            (new / name).write_bytes(content)
        replacement.publish()


def read(base: Location) -> dict[str, bytes]:
    """Read the directory as one version of it."""
    with directories_of(base).reading(base / DAY_DIR):
        return {path.name: path.read_bytes() for path in (base / DAY_DIR).iterdir()}


def in_place(files: dict[str, bytes]) -> dict[str, bytes]:
    """Name these files by where they lie below the root of the storage."""
    return {f"{DAY_DIR}/{name}": content for name, content in files.items()}
