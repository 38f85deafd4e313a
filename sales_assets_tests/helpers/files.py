"""Where the project lies, and what lies in a directory."""

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
