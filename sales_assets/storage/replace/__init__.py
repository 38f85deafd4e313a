"""A finished directory replaces an old one, entirely or not at all.

On a local file system, the new and the old directory are swapped in one step (`local`). Object
stores have no rename: the new files overwrite the old ones, and the rest of the old day is deleted
(`objects`). The content of a directory does not matter here.
"""

from pathlib import Path
from typing import Any

from sales_assets.storage.location import Location
from sales_assets.storage.replace.directories import Directories
from sales_assets.storage.replace.errors import PublishError, ReplacedError
from sales_assets.storage.replace.local import LocalDirectories

__all__ = ["Directories", "PublishError", "ReplacedError", "directories_of"]


def directories_of(base: Location) -> Directories[Any]:
    """Return the implementation for this kind of storage."""
    if isinstance(base, Path):
        return LocalDirectories(base)
    from sales_assets.storage.replace.objects import ObjectDirectories

    return ObjectDirectories(base)
