"""The commands that look at days."""

import json
import shutil
from pathlib import Path

import pytest

from sales_assets_tests.helpers.commands import OURS, Command
from sales_assets_tests.helpers.pipeline import DAYS

STATUS, VERIFY = (*OURS, "status"), (*OURS, "verify")


def test_the_command_names_each_day_that_differs(
    dagster: Command, python: Command, tmp_path: Path
) -> None:
    command = "asset materialize -m sales_assets.definitions --select raw_sales,stg_sales"
    arguments = [*command.split(), "--partition-range", f"{DAYS[0]}...{DAYS[-1]}"]
    assert dagster(*arguments, SALES_API_URL="sample").returncode == 0
    sound = python(*VERIFY)
    assert (sound.returncode, sound.stdout) == (0, "3 days are as recorded\n"), sound.stderr
    stored = python(*STATUS, "--from", DAYS[0], "--to", DAYS[-1])
    lines = [f"{asset}: 3 of 3 days are stored" for asset in ("raw_sales", "stg_sales")]
    assert (stored.returncode, stored.stdout.splitlines()) == (0, lines)
    shutil.rmtree(tmp_path / "storage/raw/sales" / DAYS[1])
    (tmp_path / "storage/stg/sales" / DAYS[2] / "x").touch()
    broken = python(*VERIFY)
    assert broken.returncode == 1
    found = [line.split(":")[0] for line in broken.stdout.splitlines()]
    assert found == [f"{DAYS[1]}  raw_sales", f"{DAYS[2]}  stg_sales"]
    assert python(*VERIFY, "--to", DAYS[0]).returncode == 0
    document = json.loads(python(*VERIFY, "--json", "--from", DAYS[1], "--to", DAYS[1]).stdout)
    assert document["days"] == 1
    assert [(one["day"], one["kind"]) for one in document["differences"]] == [(DAYS[1], "missing")]


@pytest.mark.parametrize(
    ("arguments", "home", "status", "said"),
    [
        ("verify", "", 2, "DAGSTER_HOME is not set"),
        ("verify", "/not/here", 2, '$DAGSTER_HOME "/not/here"'),
        ("verify", None, 1, "nothing to compare"),
        ("verify --from 2022-08-10 --to 2022-08-09", None, 2, "2022-08-10 is after --to 2022"),
        ("status --from 9000-01-01", None, 2, "in this range: valid days are 2022-08-09 to "),
    ],
)
def test_what_cannot_be_looked_at_is_named_without_a_traceback(
    python: Command, arguments: str, home: str | None, status: int, said: str
) -> None:
    result = python(*OURS, *arguments.split(), **({} if home is None else {"DAGSTER_HOME": home}))
    assert result.returncode == status
    assert said in result.stderr
    assert "Traceback" not in result.stderr


def test_the_command_says_which_days_are_missing(python: Command) -> None:
    result = python(*STATUS, "--from", DAYS[0], "--to", DAYS[1], "--json")
    assert result.returncode == 1
    document = json.loads(result.stdout)
    assert (document["from"], document["to"]) == DAYS[:2]
    assert document["assets"]["stg_sales"]["missing"] == list(DAYS[:2])
