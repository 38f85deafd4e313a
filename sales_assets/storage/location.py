"""Where files are stored: below a local directory, or in an object store.

A local path is a plain `pathlib.Path`: importing `upath` takes about as long as storing ten days.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import unquote

import dagster as dg

from sales_assets.http.address import InvalidAddressError, path_or_scheme

if TYPE_CHECKING:
    from upath import UPath

Location: TypeAlias = "Path | UPath"

BASE_DIR_TAG = "sales_assets/base_dir"
"""Tag of a run that is meant only for the storage with this root."""


class OtherStorageError(dg.Failure):
    """A run is meant for a different storage."""


_FILE = re.compile(r"(?:file|local):(?://(?:localhost)?)?(/(?!/)[^?#]*)", re.IGNORECASE)
# With a bucket, or container@account.domain; a colon would precede a password.
_OBJECTS = re.compile(
    r"(memory://[\w.-]*|(s3a?|gc?s|az|abfss?)://[\w.-]+(@[\w-]+\.[\w.-]+)?)(/[^?#]*)?",
    re.IGNORECASE,
)
_EXPECTED = (
    "a local path (./a:b for a name with a colon), file:///path, or an address of an object store "
    "(s3, gs, az, abfs) such as s3://bucket/prefix, without `?`, `#`, user name or password "
    "(credentials go into the store's own variables, such as AWS_SECRET_ACCESS_KEY)"
)


def location(address: str) -> Location:
    """Return the path for an address, a local path (with `~` for the home directory) or a URL.

    Raises:
        InvalidAddressError: It is neither, is malformed, or has a part that may contain a password.
    """
    place = path_or_scheme(address, "BASE_DIR", _EXPECTED)
    if isinstance(place, Path):
        return place
    if found := _FILE.fullmatch(address):
        # Only a plain local path can be replaced by a rename.
        return Path(unquote(found[1])).absolute()
    if not _OBJECTS.fullmatch(address):
        raise InvalidAddressError("BASE_DIR", None, _EXPECTED)
    from upath import UPath

    return UPath(f"{place}{address[len(place) :]}")


def leads_to(address: str, place: Location) -> bool:
    """Return whether an address, which may be invalid, leads to `place`, even by a symlink."""
    if address.rstrip("/") == str(place).rstrip("/"):
        return True
    if not isinstance(place, Path) or not address.startswith("/"):
        return False
    try:
        return os.path.realpath(address) == os.path.realpath(place)
    except ValueError:
        return False


def require_storage(tags: Mapping[str, str], base: Location) -> None:
    """Require that a run with these tags is meant for the storage below a root.

    Raises:
        OtherStorageError: It is meant for a different one.
    """
    root = tags.get(BASE_DIR_TAG)
    if root is not None and not leads_to(str(location(root)), base):
        raise OtherStorageError(
            f"this run is for the storage below {root} (tag {BASE_DIR_TAG}), but BASE_DIR is "
            f"{base}: send the HTTP request again, or start a new run for BASE_DIR"
        )
