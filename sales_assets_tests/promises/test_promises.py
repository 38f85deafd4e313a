"""The table of promises names tests that exist, and misses none."""

import ast
import re
from pathlib import Path

import pytest

from sales_assets_tests.helpers.files import PROJECT
from sales_assets_tests.helpers.passing_faults import PASSING

TESTS = PROJECT / "sales_assets_tests"
TABLE = (TESTS / "promises/README.md").read_text(encoding="utf-8")
NAMED = set(re.findall(r"`(test_\w+)`", TABLE))


def names_in(module: Path) -> set[str]:
    tree = ast.parse(module.read_text(encoding="utf-8"))
    functions = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    return {name for name in functions if name.startswith("test_")}


def test_every_test_in_the_table_exists() -> None:
    assert set().union(*map(names_in, TESTS.rglob("test_*.py"))) >= NAMED


@pytest.mark.parametrize(
    "module",
    [
        "alerts/test_sensors.py",
        "promises/test_crashes.py",
        "promises/test_races.py",
        "promises/test_s3.py",
    ],
)
def test_every_test_of_faults_is_in_the_table(module: str) -> None:
    assert names_in(TESTS / module) <= NAMED


@pytest.mark.parametrize("fault", PASSING)
def test_every_fault_of_the_api_is_in_the_table(fault: str) -> None:
    assert fault in TABLE
