"""Where the project lies, what lies in a directory, and what may lie where a file is expected."""

import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

from sales_assets.storage.location import Location

PROJECT = Path(__file__).parents[2]


def tree(root: Location) -> dict[str, bytes]:
    """All files below a directory, with their content."""
    found = {
        str(path).removeprefix(str(root)).lstrip("/"): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file()
    }
    return dict(sorted(found.items()))


def _socket_at(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        # The name of a socket has to be short.
        descriptor = os.open(path.parent, os.O_RDONLY)
        one.bind(f"/proc/self/fd/{descriptor}/{path.name}")
        os.close(descriptor)


IRREGULAR: dict[str, Callable[[Path], object]] = {
    "a FIFO": os.mkfifo,
    "a socket": _socket_at,
    "a directory": Path.mkdir,
    "a dangling symlink": lambda path: path.symlink_to("nowhere"),
    "a symlink to a file": lambda path: path.symlink_to(__file__),
    "a symlink to a directory": lambda path: path.symlink_to("/usr/share"),
    "a device": lambda path: os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 5)),
}
"""What makes something that is not a regular file, by its kind; a device takes root."""
