"""A DAGSTER_HOME is set up."""

from pathlib import Path

from sales_assets_tests.helpers.commands import OURS, Command
from sales_assets_tests.helpers.files import PROJECT

INIT_HOME = (*OURS, "init-home")


def test_a_home_is_set_up_without_a_checkout_as_with_one(python: Command, tmp_path: Path) -> None:
    home = tmp_path / "a new" / "home"
    for _ in range(2):
        made = python(*INIT_HOME, str(home))
    assert (made.returncode, made.stdout) == (0, f"export DAGSTER_HOME='{home}'\n"), made.stderr
    ours = PROJECT / "dagster_home/dagster.yaml"
    assert (home / "dagster.yaml").read_bytes() == ours.read_bytes()
    assert (home / "history/runs.db").is_file()


def test_a_home_that_is_there_is_left_alone(python: Command, tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: true}\n")
    refused = python(*INIT_HOME, DAGSTER_HOME=str(tmp_path))
    assert refused.returncode == 1
    assert "exists and differs, so it was kept" in refused.stderr
    assert (tmp_path / "dagster.yaml").read_text() == "telemetry: {enabled: true}\n"
