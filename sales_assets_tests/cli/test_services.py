"""What holds for every command."""

from importlib.metadata import version
from pathlib import Path

import pytest

from sales_assets_tests.helpers.commands import OURS, Command


def error_of(python: Command, **variables: str) -> str:
    """Run a command that fails before it begins; give what it says."""
    result = python(*OURS, "verify", **variables)
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
    return str(result.stderr.splitlines()[-1])


def test_a_setting_that_is_wrong_is_named(python: Command) -> None:
    assert "Error: BASE_DIR is ' '" in error_of(python, BASE_DIR=" ")
    assert "Error: SALES_SCHEDULE_HOUR is 'x'" in error_of(python, SALES_SCHEDULE_HOUR="x")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le"])
def test_an_env_file_of_another_encoding_is_named_in_one_sentence(
    python: Command, tmp_path: Path, encoding: str
) -> None:
    (tmp_path / ".env").write_text("SALES_SCHEDULE_HOUR=2\n", encoding)
    assert error_of(python) == "Error: .env is not UTF-8 text: save it as UTF-8"


def test_an_env_file_that_cannot_be_read_is_named_in_one_sentence(
    python: Command, tmp_path: Path
) -> None:
    (tmp_path / ".env").symlink_to("/proc/self/mem")
    assert error_of(python) == "Error: .env cannot be read (Input/output error)"


def test_the_command_knows_its_version(python: Command) -> None:
    assert python(*OURS, "--version").stdout.strip().endswith(version("sales_assets"))
