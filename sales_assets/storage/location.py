"""Where files lie: below a local directory, or in an object store.

Both kinds of path have the same methods. A local one is a plain `pathlib.Path`, since importing
`upath` and `fsspec` takes about as long as storing ten days.
"""

import re
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from upath import UPath

Location: TypeAlias = "Path | UPath"

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class InvalidLocationError(ValueError):
    """The root of a storage is not a path or an address of one."""


def location(address: str) -> Location:
    """Make a path of `address`, a local path or a URL.

    A local path is absolute, and `~` is the home directory.

    Raises:
        InvalidLocationError: It holds a control character, such as a line break at its end, or is a
            file URL of another machine.
    """
    if not address.strip() or _CONTROL.search(address):
        raise InvalidLocationError(
            f"BASE_DIR is {address!r}, which is empty or holds a line break or another control "
            "character: set it to a path or a URL, without that"
        )
    if "://" not in address and not address.startswith(("file:", "local:")):
        return Path(address).expanduser().absolute()
    parts = urlsplit(address)
    if parts.scheme in ("file", "local"):
        if parts.netloc not in ("", "localhost"):
            raise InvalidLocationError(
                f"BASE_DIR is {address!r}, a file of another machine: write file:///path"
            )
        # Only a plain local path can be replaced by a rename.
        return Path(unquote(parts.path)).absolute()
    from upath import UPath

    return UPath(address)
