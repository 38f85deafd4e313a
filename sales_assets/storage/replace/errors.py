"""What can be wrong with a directory that is to be replaced or read."""

import errno
from pathlib import Path

import dagster as dg

_LINK = "a link or a file is where a directory should be: move it away, and run again"
_REASONS = {
    errno.ELOOP: _LINK,
    errno.ENOTDIR: _LINK,
    errno.EBUSY: "a day is a separate volume, which cannot be replaced: unmount it, or mount its "
    "parent instead",
    errno.EXDEV: "parts of it are on another file system or in a lower layer of an overlay (a "
    "directory of an image): put all of BASE_DIR on one volume",
}


class PublishError(dg.Failure):
    """A directory cannot be published to its place, or read from there."""


class ReplacedError(dg.Failure):
    """A directory was replaced while it was read."""


def explained(error: OSError, base: Path) -> str:
    """Return what a disk error means for a storage, and what to do."""
    reason = _REASONS.get(error.errno or 0)
    shown = f"{reason} ({error})" if reason else str(error)
    return f"BASE_DIR {base} cannot be written to: {shown}"
