"""Where files lie: below a local directory, or in an object store.

Both kinds of path have the same methods. A local one is a plain `pathlib.Path`, since importing
`upath` and `fsspec` takes about as long as storing ten days.
"""

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from upath import UPath

Location: TypeAlias = "Path | UPath"

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class InvalidLocationError(ValueError):
    """The root of a storage is not a path or an address of one."""


def location(address: str) -> Location:
    """Make a path of `address`, a local path or a URL.

    A local path is absolute, and `~` is the home directory.

    Raises:
        InvalidLocationError: It is empty, holds a control character or begins or ends with white
            space (such as a line break), names a user or a machine that is not known here, or a
            file URL has a query or a fragment.
    """
    if address != address.strip() or not address or _CONTROL.search(unquote(address)):
        raise InvalidLocationError(
            f"BASE_DIR is {address!r}, which is empty, or holds a line break, another control "
            "character or white space around it: set it to a path or a URL, without that"
        )
    if "://" not in address and not address.startswith(("file:", "local:")):
        return _expanded(address)
    parts = urlsplit(address)
    if parts.scheme not in ("file", "local"):
        from upath import UPath

        return UPath(address)
    if parts.netloc not in ("", "localhost"):
        raise InvalidLocationError(
            f"BASE_DIR is {address!r}, a file of another machine: write file:///path"
        )
    if parts.query or parts.fragment or not parts.path:
        raise InvalidLocationError(
            f"BASE_DIR is {address!r}, which has no path, or a query or a fragment: write "
            "file:///path, with %3F for `?` and %23 for `#`"
        )
    # Only a plain local path can be replaced by a rename.
    return Path(unquote(parts.path)).absolute()


def leads_to(address: str, place: Location) -> bool:
    """Tell whether an address, which may hold anything, is of `place`, such as by a symlink."""
    if address.rstrip("/") == str(place).rstrip("/"):
        return True
    if not isinstance(place, Path) or not address.startswith("/"):
        return False
    try:
        return os.path.realpath(address) == os.path.realpath(place)
    except ValueError:
        return False


def _expanded(address: str) -> Path:
    try:
        return Path(address).expanduser().absolute()
    except RuntimeError as error:
        raise InvalidLocationError(
            f"BASE_DIR is {address!r}, and there is no such home directory: write ./~... if the "
            "name begins with `~`, or the whole path"
        ) from error
