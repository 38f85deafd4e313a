"""The table of promises names tests that exist, and misses none."""

import ast
import re
from pathlib import Path

import pytest

from sales_assets_tests.test_sales_api import PASSING

HERE = Path(__file__).parent
TABLE = (HERE / "README.md").read_text(encoding="utf-8")
NAMED = set(re.findall(r"`(test_\w+)`", TABLE))


def names_in(module: Path) -> set[str]:
    tree = ast.parse(module.read_text(encoding="utf-8"))
    functions = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    return {name for name in functions if name.startswith("test_")}


def test_every_test_in_the_table_exists() -> None:
    assert set().union(*map(names_in, HERE.glob("test_*.py"))) >= NAMED


@pytest.mark.parametrize(
    "module", ["test_alerts.py", "test_crashes.py", "test_races.py", "test_s3.py"]
)
def test_every_test_of_faults_is_in_the_table(module: str) -> None:
    assert names_in(HERE / module) <= NAMED


@pytest.mark.parametrize("fault", PASSING)
def test_every_fault_of_the_api_is_in_the_table(fault: str) -> None:
    assert fault in TABLE
