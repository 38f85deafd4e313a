"""Where the project lies, and what lies in a directory."""

from pathlib import Path

PROJECT = Path(__file__).parents[2]


def tree(root: Path) -> dict[str, bytes]:
    """All files below a directory, with their content."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }
