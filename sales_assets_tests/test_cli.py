"""The commands, as a user runs them."""

import json
import shutil
from importlib.metadata import version
from pathlib import Path

import pytest

from sales_assets_tests.helpers.commands import Command
from sales_assets_tests.helpers.files import PROJECT
from sales_assets_tests.helpers.pipeline import DAYS

STATUS = ("-c", "from sales_assets.cli import main; main()", "status")
INIT_HOME = ("-c", "from sales_assets.cli import main; main()", "init-home")
VERIFY = ("-c", "from sales_assets.cli import main; main()", "verify")


def test_the_command_names_each_day_that_differs(
    dagster: Command, python: Command, tmp_path: Path
) -> None:
    command = "asset materialize -m sales_assets.definitions --select raw_sales,stg_sales"
    arguments = [*command.split(), "--partition-range", f"{DAYS[0]}...{DAYS[-1]}"]
    assert dagster(*arguments, SALES_API_URL="sample").returncode == 0
    sound = python(*VERIFY)
    assert (sound.returncode, sound.stdout) == (0, "3 days are as recorded\n"), sound.stderr
    stored = python(*STATUS, "--from", DAYS[0], "--to", DAYS[-1])
    assert (stored.returncode, stored.stdout.splitlines()) == (
        0,
        ["raw_sales: 3 of 3 days are stored", "stg_sales: 3 of 3 days are stored"],
    )
    shutil.rmtree(tmp_path / "storage/raw/sales" / DAYS[1])
    (tmp_path / "storage/stg/sales" / DAYS[2] / "x").touch()
    broken = python(*VERIFY)
    assert broken.returncode == 1
    assert [line.split(":")[0] for line in broken.stdout.splitlines()] == [
        f"{DAYS[1]}  raw_sales",
        f"{DAYS[2]}  stg_sales",
    ]
    assert python(*VERIFY, "--to", DAYS[0]).returncode == 0
    document = json.loads(python(*VERIFY, "--json", "--from", DAYS[1], "--to", DAYS[1]).stdout)
    assert document["days"] == 1
    assert [(one["day"], one["kind"]) for one in document["differences"]] == [(DAYS[1], "missing")]


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
    assert "exists, differs, and was left alone" in refused.stderr
    assert (tmp_path / "dagster.yaml").read_text() == "telemetry: {enabled: true}\n"


def test_the_command_says_when_there_is_no_instance(python: Command) -> None:
    result = python(*VERIFY, DAGSTER_HOME="")
    assert result.returncode == 2
    assert "DAGSTER_HOME is not set" in result.stderr


def test_the_command_compares_nothing_without_saying_so(python: Command) -> None:
    result = python(*VERIFY)
    assert result.returncode == 1
    assert "there is nothing to compare" in result.stderr
    reversed_range = python(*VERIFY, "--from", DAYS[1], "--to", DAYS[0])
    assert reversed_range.returncode == 2
    assert f"--from {DAYS[1]} comes after --to {DAYS[0]}" in reversed_range.stderr


@pytest.mark.parametrize("command", ["verify", "status", "pull-rides", "http-jobs", "sample-api"])
@pytest.mark.parametrize(
    ("name", "value"),
    [("BASE_DIR", " "), ("SALES_SCHEDULE_HOUR", "x"), ("SALES_START_DATE", "2022-02-30")],
)
def test_a_setting_that_is_wrong_is_named_without_a_traceback(
    python: Command, command: str, name: str, value: str
) -> None:
    result = python(*VERIFY[:2], command, **{name: value})
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


@pytest.mark.parametrize("command", ["verify", "status"])
def test_a_home_that_is_not_there_is_named_without_a_traceback(
    python: Command, command: str
) -> None:
    result = python(*STATUS[:2], command, DAGSTER_HOME="/not/here")
    assert result.returncode == 2
    assert '$DAGSTER_HOME "/not/here"' in result.stderr
    assert "Traceback" not in result.stderr


def test_days_that_are_no_partitions_have_no_status(python: Command) -> None:
    result = python(*STATUS, "--from", "9000-01-01")
    assert result.returncode == 2
    assert "Error: no such days: there are 2022-08-09 to " in result.stderr


def test_the_command_says_which_days_are_missing(python: Command) -> None:
    result = python(*STATUS, "--from", DAYS[0], "--to", DAYS[1], "--json")
    assert result.returncode == 1
    document = json.loads(result.stdout)
    assert (document["from"], document["to"]) == DAYS[:2]
    assert document["assets"]["stg_sales"]["missing"] == list(DAYS[:2])


def test_the_command_knows_its_version(python: Command) -> None:
    assert python(*VERIFY[:2], "--version").stdout.strip().endswith(version("sales_assets"))
