"""The documents are true: commands run, links lead somewhere, lists are complete."""

import ast
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sales_assets import settings
from sales_assets.sample.faults import Faults
from sales_assets_tests.helpers.commands import without_settings
from sales_assets_tests.helpers.documents import (
    BY_CI,
    EDITS,
    NOT_RUN,
    PARTS,
    RUN,
    SERVER,
    Block,
    blocks,
    documents,
    read,
    session,
    written,
)
from sales_assets_tests.helpers.files import PROJECT
from sales_assets_tests.helpers.programs import Program
from sales_assets_tests.helpers.samples import samples

DOCUMENTS = documents()
BLOCKS = [block for document in DOCUMENTS for block in blocks(document)]
SESSIONS = {document: script for document in DOCUMENTS if (script := session(document))}

COMMANDS = ("dagster", "dg", "pytest", "pip", "celery", "docker-compose", "heroku", "sales-assets")
NOT_OURS = (
    *(f"{command} " for command in (*COMMANDS, "materialize", "export", "cp", "up", "source")),
    *("SELECT ", "SUM(", "GET ", "from ", "runs / workers", '{"text": ...}'),
    *("No space left on device", "database or disk is full", "terminated by signal 9"),
    *("All code locations passed validation", "spark.read", "file_storage/", "sales_assets/"),
)
"""How texts begin that documents show and that are not what our code says."""

FILE_NAME = r"[\w./-]*\w\.(?:py|toml|ya?ml|avsc|md)"

each_document = pytest.mark.parametrize("document", DOCUMENTS)


def not_of_the_project(directory: str, names: list[str]) -> set[str]:
    """Name what lies in a directory but was put there by working with the project."""
    if Path(directory).name == "dagster_home":
        return {name for name in names if name != "dagster.yaml"}
    return {
        name for name in names if name.startswith(".") or name in ("file_storage", "__pycache__")
    }


@pytest.mark.documents
@pytest.mark.parametrize("document", SESSIONS)
def test_the_commands_of_a_document_run(document: str, tmp_path: Path) -> None:
    """Run them one after the other in a scratch copy of the project, with the sample API."""
    copy = tmp_path / "project"
    shutil.copytree(PROJECT, copy, ignore=not_of_the_project)
    (copy / ".venv").symlink_to(sys.prefix)  # `make check` uses it.
    home = shutil.copytree(copy / "dagster_home", tmp_path / "dagster_home")
    environment = {
        **without_settings(os.environ),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(copy),
        "SALES_API_URL": "sample",
        "BASE_DIR": "file_storage",
        "DAGSTER_HOME": str(home),
    }
    output = tmp_path / "output"
    with Program(["bash", "-c", SESSIONS[document]], output, cwd=copy, env=environment) as shell:
        assert shell.wait(timeout=1200) == 0, output.read_text()[-5000:]


@pytest.mark.parametrize("block", BLOCKS, ids=[block.place for block in BLOCKS])
def test_a_block_is_of_a_known_language_and_run_in_a_known_way(block: Block) -> None:
    assert block.language in {*RUN, "json", "yaml", "toml", "mermaid"}
    assert block.way in {"", NOT_RUN, BY_CI, SERVER, *EDITS}
    assert bool(block.detail) == (block.way in {NOT_RUN, SERVER, *EDITS})


@each_document
def test_no_fence_is_overlooked(document: str) -> None:
    fences = re.findall(r"^[\s>]*(?:```|~~~)", read(document), re.MULTILINE)
    assert len(fences) == 2 * len(blocks(document))


def test_the_blocks_that_ci_runs_are_those_that_set_up_a_virtual_environment() -> None:
    """`.ci/run` takes them out of the README by these words."""
    words = "python3 -m venv"
    script = (PROJECT / ".ci/run").read_text(encoding="utf-8")
    assert f"grep -F '{words}' README.md" in script
    run_by_ci = [block for block in BLOCKS if block.way == BY_CI]
    assert all(block.place.startswith("README.md:") for block in run_by_ci)
    assert [block.text for block in run_by_ci] == [
        f"{line}\n" for line in read("README.md").splitlines() if words in line
    ]


def test_blocks_of_json_can_be_read_and_those_of_yaml_are_files_of_faults(tmp_path: Path) -> None:
    path = tmp_path / "faults.yaml"
    for block in BLOCKS:
        if block.language == "json":
            json.loads(block.text)
        elif block.language == "yaml":
            path.write_text(block.text)
            Faults.read(path)


def prose(document: str) -> str:
    """Give a document without its fenced blocks, and without what code has written."""
    text = re.sub(r"^ *```.*?^ *```$", "", read(document), flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"<!-- from the code.*?<!-- end -->", "", text, flags=re.DOTALL)


def texts_of_the_code() -> Iterator[str]:
    """Give all texts that the modules hold, docstrings included, with 0 for what is filled in."""
    for path in (PROJECT / "sales_assets").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = (
                    part.value if isinstance(part, ast.Constant) else 0 for part in node.values
                )
                yield "".join(map(str, parts))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def anchors(document: Path) -> set[str]:
    """The headings of a document, as its links name them."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    words = (re.sub(r"[^\w\- ]", "", heading).strip().lower() for heading in headings)
    return {name.replace(" ", "-") for name in words}


@each_document
def test_links_lead_to_files_and_headings_that_exist(document: str) -> None:
    here = PROJECT / document
    for target in re.findall(r"\]\((?!https?://)([^)\s]+)\)", read(document)):
        path, _, anchor = target.partition("#")
        file = here.parent / path if path else here
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), target


@each_document
def test_files_that_are_named_exist(document: str) -> None:
    """A name such as `feed/stream.py` is that of a file in one of these places, or of its link."""
    places = [
        PROJECT / name for name in ("", "sales_assets", "dagster_home", Path(document).parent)
    ]
    named = re.findall(rf"`({FILE_NAME})`(?:\]\(([^)#]+))?", prose(document))
    gone = [
        name
        for name, target in named
        if not (target.endswith(name) if target else any((at / name).is_file() for at in places))
    ]
    assert gone == []


@each_document
def test_what_follows_from_the_code_is_up_to_date(document: str) -> None:
    assert read(document) == written(document), "run `make docs`"


def test_each_part_that_code_writes_is_in_a_document() -> None:
    found = [name for each in DOCUMENTS for name in re.findall(r"from the code: (\w+)", read(each))]
    assert {*found} == {*PARTS, *samples()}


@each_document
def test_no_sample_is_written_by_hand(document: str) -> None:
    """A block that is indented comes from the code, except for one that is not ours."""
    shown = re.findall(r"\n\n((?: {4}.*\n)+)", prose(document))
    assert [block for block in shown if not block.lstrip().startswith(NOT_OURS)] == []


@each_document
def test_a_message_that_prose_quotes_is_in_the_code(document: str) -> None:
    """A phrase in backticks is a command, a text of another program, or what the code says."""
    quoted = re.findall(r"`([^`\n]+)`", prose(document))
    messages = {text for text in quoted if text.count(" ") > 1 and not text.startswith(NOT_OURS)}
    said = [re.sub(r"\d+", "0", text) for text in (*samples().values(), *texts_of_the_code())]
    known = {text for text in messages if any(re.sub(r"\d+", "0", text) in one for one in said)}
    assert messages == known


def test_the_readme_is_short() -> None:
    assert len(read("README.md").splitlines()) <= 150


def test_the_settings_in_the_readme_exist() -> None:
    listed = re.findall(r"^\| `([A-Z_]+)` \|", read("README.md"), re.MULTILINE)
    assert listed
    assert set(listed) <= {name.upper() for name in settings.Settings.model_fields}
