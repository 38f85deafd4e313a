"""What holds for every command, and for those that serve."""

from importlib.metadata import version
from pathlib import Path

import pytest

from sales_assets_tests.helpers.commands import Command

VERIFY = ("-c", "from sales_assets.cli import main; main()", "verify")


@pytest.mark.parametrize(
    ("name", "value"),
    [("BASE_DIR", " "), ("SALES_SCHEDULE_HOUR", "x"), ("SALES_START_DATE", "2022-02-30")],
)
def test_a_setting_that_is_wrong_is_named_without_a_traceback(
    python: Command, name: str, value: str
) -> None:
    result = python(*VERIFY, **{name: value})
    assert result.returncode == 2
    assert f"Error: {name} is {value!r}" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le"])
def test_an_env_file_of_another_encoding_is_named_in_one_sentence(
    python: Command, tmp_path: Path, encoding: str
) -> None:
    (tmp_path / ".env").write_text("SALES_SCHEDULE_HOUR=2\n", encoding)
    result = python(*VERIFY)
    assert result.returncode == 2
    assert result.stderr.splitlines()[-1] == "Error: .env is not UTF-8 text: save it as UTF-8"
    assert "Traceback" not in result.stderr


def test_an_env_file_that_cannot_be_read_is_named_in_one_sentence(
    python: Command, tmp_path: Path
) -> None:
    (tmp_path / ".env").symlink_to("/proc/self/mem")
    result = python(*VERIFY)
    assert result.returncode == 2
    assert "Error: .env cannot be read (Input/output error)" in result.stderr
    assert "Traceback" not in result.stderr


def test_the_command_knows_its_version(python: Command) -> None:
    assert python(*VERIFY[:2], "--version").stdout.strip().endswith(version("sales_assets"))
