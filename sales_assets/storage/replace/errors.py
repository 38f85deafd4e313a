"""What can be wrong with a directory that is to be replaced or read."""

import errno
from pathlib import Path

import dagster as dg


class PublishError(dg.Failure):
    """A directory cannot be published to its place, or read from there."""


class ReplacedError(dg.Failure):
    """A directory was replaced while it was read."""


def explained(error: OSError, base: Path) -> str:
    """Return what a disk error means for a storage, and what to do."""
    if error.errno == errno.EXDEV:
        return (
            f"{base} cannot be replaced in one step, since parts of it are on another file system "
            "or in a lower layer of an overlay (a directory of an image): put all of BASE_DIR on "
            f"one volume ({error})"
        )
    if error.errno == errno.EBUSY:
        return (
            f"a day in {base} is a separate volume, which cannot be replaced: unmount it, or "
            f"mount its parent instead ({error})"
        )
    if error.errno in (errno.ELOOP, errno.ENOTDIR):
        return (
            f"BASE_DIR {base} cannot be written to, since a link or a file is where a directory "
            f"should be: move it away, and run again ({error})"
        )
    return f"BASE_DIR {base} cannot be written to: {error}"
