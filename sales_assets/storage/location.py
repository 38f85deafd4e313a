"""Where files lie: below a local directory, or in an object store.

Both kinds of path have the same methods. A local one is a plain `pathlib.Path`, since importing
`upath` and `fsspec` takes about as long as storing ten days.
"""

from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from upath import UPath

Location: TypeAlias = "Path | UPath"


def location(address: str) -> Location:
    """Make a path of `address`, a local path or a URL."""
    if ":/" not in address:
        return Path(address)
    from upath import UPath

    path = UPath(address)
    # Only a plain local path can be published by a rename; file://... is one, too.
    return Path(path.path) if path.protocol in ("file", "local") else path
