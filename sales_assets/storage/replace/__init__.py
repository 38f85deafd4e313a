"""A finished directory replaces an old one, entirely or not at all.

`local` does it on a local file system, `objects` on an object store. What a directory contains
does not matter here.
"""

from pathlib import Path
from typing import Any

from sales_assets.storage.location import Location
from sales_assets.storage.replace.directories import Directories, PublishError, ReplacedError
from sales_assets.storage.replace.local import LocalDirectories

__all__ = ["Directories", "PublishError", "ReplacedError", "directories_of"]


def directories_of(base: Location) -> Directories[Any]:
    """Return the implementation for this kind of storage."""
    if isinstance(base, Path):
        return LocalDirectories(base)
    from sales_assets.storage.replace.objects import ObjectDirectories

    return ObjectDirectories(base)
