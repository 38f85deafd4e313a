"""The commands that look at days."""

import json
import shutil
from pathlib import Path

import pytest

from sales_assets_tests.helpers.commands import Command
from sales_assets_tests.helpers.pipeline import DAYS

STATUS = ("-c", "from sales_assets.cli import main; main()", "status")
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


def test_the_command_says_when_there_is_no_instance(python: Command) -> None:
    result = python(*VERIFY, DAGSTER_HOME="")
    assert result.returncode == 2
    assert "DAGSTER_HOME is not set" in result.stderr


def test_the_command_compares_nothing_without_saying_so(python: Command) -> None:
    result = python(*VERIFY)
    assert result.returncode == 1
    assert "nothing to compare" in result.stderr
    reversed_range = python(*VERIFY, "--from", DAYS[1], "--to", DAYS[0])
    assert reversed_range.returncode == 2
    assert f"--from {DAYS[1]} is after --to {DAYS[0]}" in reversed_range.stderr


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
    assert "Error: no partition is in this range: valid days are 2022-08-09 to " in result.stderr


def test_the_command_says_which_days_are_missing(python: Command) -> None:
    result = python(*STATUS, "--from", DAYS[0], "--to", DAYS[1], "--json")
    assert result.returncode == 1
    document = json.loads(result.stdout)
    assert (document["from"], document["to"]) == DAYS[:2]
    assert document["assets"]["stg_sales"]["missing"] == list(DAYS[:2])
