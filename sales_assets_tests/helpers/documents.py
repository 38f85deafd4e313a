"""The documents: their blocks and how each is run, and the parts of them that code writes.

A block of `sh`, `python` or `console` is run in the session of its document, one after the other
in a scratch copy of the project, unless a comment right above it says otherwise:

    <!-- not run here: REASON -->
    <!-- run by .ci/run -->
    <!-- a server, ready when it prints: TEXT -->

A block of any language is put into the scratch copy, as the reader of a recipe does, below

    <!-- the file: FILE -->
    <!-- the last field of: FILE -->
    <!-- in place of: LINE in FILE -->

`python -m sales_assets_tests.helpers.documents` (`make docs`) writes the parts between
`<!-- from the code: NAME -->` and `<!-- end -->`.
"""

import ast
import importlib
import io
import pkgutil
import re
import shlex
import textwrap
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr
from pathlib import Path
from typing import NamedTuple

import sales_assets
from sales_assets import settings
from sales_assets_tests.helpers.files import PROJECT
from sales_assets_tests.helpers.samples import checks, samples

RUN = {"sh", "python", "console"}
NOT_RUN, BY_CI, SERVER = "not run here", "run by .ci/run", "a server, ready when it prints"
FILE, FIELD, INSTEAD = EDITS = "the file", "the last field of", "in place of"

# These need the extra `deploy`, and have no errors of their own.
OF_THE_IMAGE = ("celery_launcher", "postgres_storage", "worker")
PACKAGE = PROJECT / "sales_assets"

_BLOCK = re.compile(
    r"^(?:\s*<!-- (?P<mark>[^\n]*?) -->\n)?(?P<indent> *)```(?P<language>\w*)\n"
    r"(?P<text>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
_PART = re.compile(r"(<!-- from the code: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


class Block(NamedTuple):
    """A fenced block: its document and line, and what its fence and the comment above it say."""

    place: str
    language: str
    text: str
    way: str
    detail: str


def documents() -> list[str]:
    """All documents, as paths relative to the project."""
    folders = ("", "docs", "deploy", "sales_assets_tests/promises")
    found = [path for folder in folders for path in (PROJECT / folder).glob("*.md")]
    return sorted(str(path.relative_to(PROJECT)) for path in found)


def read(document: str) -> str:
    return (PROJECT / document).read_text(encoding="utf-8")


def blocks(document: str) -> list[Block]:
    text = read(document)
    found: list[Block] = []
    for match in _BLOCK.finditer(text):
        way, _, detail = (match["mark"] or "").partition(": ")
        line = text.count("\n", 0, match.start("language")) + 1
        content = textwrap.dedent(match["text"])
        found.append(Block(f"{document}:{line}", match["language"], content, way, detail))
    return found


def session(document: str) -> str:
    """Make one shell script of the blocks that a document has run here; empty if there is none."""
    steps = [
        f"echo {shlex.quote(f'+++ {block.place}')}\n{_step(number, block)}"
        for number, block in enumerate(blocks(document))
        if block.way in EDITS or (block.language in RUN and block.way not in (NOT_RUN, BY_CI))
    ]
    return "\n".join(["set -euo pipefail", *steps]) if steps else ""


def edit(root: Path, block: Block) -> None:
    """Put a block of a recipe into a copy of the project."""
    old, _, name = block.detail.rpartition(" in ")
    path = root / name
    if block.way == FILE:
        path.write_text(block.text, encoding="utf-8")
        return
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    if block.way == FIELD:
        end = lines.index("  ]\n")
        lines[end - 1] = lines[end - 1].rstrip() + ",\n"
        lines.insert(end, textwrap.indent(block.text, "    "))
    else:
        at = [line.strip() for line in lines].index(old)
        lines[at] = lines[at].replace(f"{old}\n", block.text)
    path.write_text("".join(lines), encoding="utf-8")


def _step(number: int, block: Block) -> str:
    commands = block.text
    if block.way in EDITS:
        call = f"edit(Path(), Block(*{tuple(block)!r}))"
        module = "sales_assets_tests.helpers.documents"
        return f"python -c {shlex.quote(f'from {module} import *; {call}')}\n"
    if block.language == "python":
        commands = f"python - <<'END OF PYTHON'\n{commands}END OF PYTHON\n"
    elif block.language == "console":
        commands = "".join(line[2:] for line in commands.splitlines(True) if line.startswith("$ "))
    if block.way != SERVER:
        return commands
    log, ready = f".server_{number}.log", shlex.quote(block.detail)
    return (
        f"{{ {commands}}} >{log} 2>&1 &\n"
        f"for _ in $(seq 300); do ! grep -qF {ready} {log} || break; sleep 0.2; done\n"
        f"grep -F {ready} {log} || {{ cat {log}; exit 1; }}\n"
    )


def written(document: str) -> str:
    return _PART.sub(lambda part: part[1] + _part(part[2]) + part[3], read(document))


def _part(name: str) -> str:
    if name in PARTS:
        return PARTS[name]()
    return f"\n{textwrap.indent(samples()[name].strip(), ' ' * 4)}\n\n"


def _rooms() -> str:
    lines = ["| module | idea |\n", "| --- | --- |\n"]
    for file in sorted(PACKAGE.rglob("*.py"))[1:]:
        docstring = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
        shown = str(file.relative_to(PACKAGE)).replace("__init__.py", "")
        label = f"**`{shown}`**" if shown.endswith("/") else f"`{shown}`"
        path = file.relative_to(PROJECT)
        lines.append(f"| [{label}](../{path}) | {docstring.splitlines()[0]} |\n")
    return "".join(lines)


def _layers() -> str:
    text = (PROJECT / "pyproject.toml").read_text(encoding="utf-8")
    layers = re.findall(r'^    "(.+)",$', text[text.index("\nlayers = [") :].split("]")[0], re.M)
    return "\n" + "".join(f"    {layer}\n" for layer in layers) + "\n"


def _errors() -> str:
    for module in pkgutil.walk_packages(sales_assets.__path__, "sales_assets."):
        if not module.name.endswith(OF_THE_IMAGE):
            importlib.import_module(module.name)
    ours = {one for one in _subclasses(BaseException) if one.__module__.startswith("sales_assets.")}

    def branch(parent: type[BaseException], depth: int) -> Iterator[str]:
        for one in sorted((one for one in ours if one.__bases__[0] is parent), key=_name):
            also = "".join(f", {_name(base)}" for base in one.__bases__[1:])
            said = (one.__doc__ or "").splitlines()[0]
            module = one.__module__.removeprefix("sales_assets.")
            yield f"    {'  ' * depth}{one.__name__}{also} ({module}): {said}\n"
            yield from branch(one, depth + 1)

    roots = sorted({one.__bases__[0] for one in ours} - ours, key=_name)
    trees = [f"    {_name(root)}\n" + "".join(branch(root, 1)) for root in roots]
    return "\n" + "".join(trees) + "\n"


def _subclasses(parent: type[BaseException]) -> Iterator[type[BaseException]]:
    for one in parent.__subclasses__():
        if not one.__name__.startswith("_"):
            yield one
            yield from _subclasses(one)


def _name(one: type[BaseException]) -> str:
    module = one.__module__.partition(".")[0]
    return one.__name__ if module in ("builtins", "sales_assets") else f"{module}.{one.__name__}"


def _settings() -> str:
    lines = ["| name | holds | meaning | default |\n", "| --- | --- | --- | --- |\n"]
    for name, field in settings.Settings.model_fields.items():
        holds = field.title if field.repr else f"{field.title}; a secret"
        meaning = (field.description or "").replace("\n", " ")
        default = "none" if field.default == "" else f"`{field.default}`"
        lines.append(f"| `{name.upper()}` | {holds} | {meaning} | {default} |\n")
    return "".join(lines)


def _orders() -> str:
    """The module of a tested feed, as a file that the recipe has one write."""
    text = read("sales_assets_tests/promises/orders.py")
    return f"<!-- the file: sales_assets/orders.py -->\n```python\n{text}```\n"


# What writes the parts that are no samples, by their names.
PARTS: dict[str, Callable[[], str]] = {
    "rooms": _rooms,
    "orders": _orders,
    "layers": _layers,
    "errors": _errors,
    "settings": _settings,
    "checks": checks,
}


if __name__ == "__main__":
    with redirect_stderr(io.StringIO()):  # Runs tell of all that they do.
        texts = {each: written(each) for each in documents()}
    for each, text in texts.items():
        (PROJECT / each).write_text(text, encoding="utf-8")
