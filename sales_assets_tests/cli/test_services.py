"""What holds for every command, and for homes that are set up."""

from importlib.metadata import version
from pathlib import Path

from sales_assets_tests.helpers.commands import OURS, Command
from sales_assets_tests.helpers.files import PROJECT


def error_of(python: Command, **variables: str) -> str:
    """Run a command that fails before it begins; give what it says."""
    result = python(*OURS, "verify", **variables)
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
    return str(result.stderr.splitlines()[-1])


def test_a_setting_that_is_wrong_is_named(python: Command) -> None:
    assert "Error: BASE_DIR is ' '" in error_of(python, BASE_DIR=" ")
    assert "Error: SALES_SCHEDULE_HOUR is 'x'" in error_of(python, SALES_SCHEDULE_HOUR="x")


def test_an_env_file_that_cannot_be_read_is_named_in_one_sentence(
    python: Command, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("SALES_SCHEDULE_HOUR=2\n", "utf-16")
    assert error_of(python) == "Error: .env is not UTF-8 text: save it as UTF-8"
    (tmp_path / ".env").unlink()
    (tmp_path / ".env").symlink_to("/proc/self/mem")
    assert error_of(python) == "Error: .env cannot be read (Input/output error)"


def test_the_command_knows_its_version(python: Command) -> None:
    assert python(*OURS, "--version").stdout.strip().endswith(version("sales_assets"))


def test_a_home_is_set_up_without_a_checkout_as_with_one(python: Command, tmp_path: Path) -> None:
    home = tmp_path / "a new" / "home"
    for _ in range(2):
        made = python(*OURS, "init-home", str(home))
    assert (made.returncode, made.stdout) == (0, f"export DAGSTER_HOME='{home}'\n"), made.stderr
    ours = PROJECT / "dagster_home/dagster.yaml"
    assert (home / "dagster.yaml").read_bytes() == ours.read_bytes()
    assert (home / "history/runs.db").is_file()


def test_a_home_that_is_there_is_left_alone(python: Command, tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: true}\n")
    refused = python(*OURS, "init-home", DAGSTER_HOME=str(tmp_path))
    assert refused.returncode == 1
    assert "exists and differs, so it was kept" in refused.stderr
    assert (tmp_path / "dagster.yaml").read_text() == "telemetry: {enabled: true}\n"
