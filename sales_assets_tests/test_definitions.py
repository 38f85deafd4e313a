"""The whole graph as a user runs it: Dagster's command line in another process."""

import io
import json
import re
import shlex
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import dagster as dg
import fastavro
import pytest
import yaml

from sales_assets.definitions import defs
from sales_assets.rides.assets import driver_statistics, rides
from sales_assets.sales.assets import raw_sales, stg_sales
from sales_assets_tests.helpers.commands import Command
from sales_assets_tests.helpers.dagster_dev import copy_home
from sales_assets_tests.helpers.files import PROJECT, tree
from sales_assets_tests.helpers.rows import DAY, page, sale
from sales_assets_tests.helpers.scripted_api import ScriptedApi

RECORDED = PROJECT.parent / "shared" / "recorded_api"
MATERIALIZE = ("asset", "materialize", "-m", "sales_assets.definitions", "--select")
BOTH = (*MATERIALIZE, "raw_sales,stg_sales")
DAYS = [DAY, "2022-08-10", "2022-08-11"]


def settings(api: ScriptedApi) -> dict[str, str]:
    return {"SALES_API_URL": api.url, "AUTH_TOKEN": api.token}


@pytest.mark.skipif(not RECORDED.exists(), reason="the recorded pages are not here")
def test_the_real_day_is_kept_byte_for_byte_and_every_row_reaches_avro(
    api: ScriptedApi, dagster: Command, tmp_path: Path
) -> None:
    pages = [(RECORDED / f"sales_{DAY}_page_{n}.json").read_bytes() for n in range(1, 5)]
    api.days[DAY] = pages
    stale = tmp_path / f"storage/raw/sales/{DAY}/sales_{DAY}_99.json"
    stale.parent.mkdir(parents=True)
    stale.write_bytes(b"[]")

    first = dagster(*BOTH, "--partition", DAY, **settings(api))
    assert first.returncode == 0, first.stderr
    stored = tree(tmp_path / "storage")
    avro = f"stg/sales/{DAY}/sales_{DAY}.avro"
    assert stored == {
        **{f"raw/sales/{DAY}/sales_{DAY}_{n}.json": body for n, body in enumerate(pages, 1)},
        avro: stored[avro],
    }
    expected = [row for body in pages for row in json.loads(body)]
    assert len(expected) == 338
    rows = list(fastavro.reader(io.BytesIO(stored[avro])))
    assert json.loads(json.dumps(rows, default=str)) == expected

    assert dagster(*BOTH, "--partition", DAY, **settings(api)).returncode == 0
    assert tree(tmp_path / "storage") == stored


def test_the_console_says_in_a_line_for_each_asset_what_was_stored(
    dagster: Command, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    copy_home(home)

    variables = {"SALES_API_URL": "sample", "DAGSTER_HOME": str(home)}
    result = dagster(*BOTH, "--partition", DAY, **variables)
    assert result.returncode == 0, result.stderr
    storage = tmp_path / "storage"
    assert re.findall(" - dagster - .* - (.*)$", result.stderr, re.MULTILINE) == [
        "sales API: embedded sample API: INVENTED sales, not real ones",
        f"raw_sales {DAY}: 310 rows, first version, in {storage}/raw/sales/{DAY}",
        f"stg_sales {DAY}: 310 rows, first version, in {storage}/stg/sales/{DAY}",
    ]


@pytest.mark.slow
def test_the_token_appears_nowhere(api: ScriptedApi, dagster: Command, tmp_path: Path) -> None:
    api.days[DAY] = [page(sale())]
    for token, status in ((api.token, 0), ("no-" + api.token, 1), (api.token + "\n", 1)):
        result = dagster(*BOTH, "--partition", DAY, **{**settings(api), "AUTH_TOKEN": token})
        assert result.returncode == status
        assert api.token not in result.stdout + result.stderr
    for name, content in tree(tmp_path).items():
        assert api.token.encode() not in content, name


def test_the_token_is_in_no_snapshot_and_no_repr(api: ScriptedApi, python: Command) -> None:
    code = (
        "from dagster._core.remote_representation.external_data import RepositorySnap\n"
        "from dagster_shared.serdes import serialize_value\n"
        "from sales_assets.definitions import defs\n"
        "print(serialize_value(RepositorySnap.from_def(defs.get_repository_def())))\n"
        "print(defs.resources)\n"
    )
    result = python("-c", code, **settings(api))
    assert result.returncode == 0, result.stderr
    assert "raw_sales" in result.stdout
    assert api.token not in result.stdout + result.stderr


AGAIN = f"  dagster {' '.join(BOTH)} --partition"
DOWN = '{"resources": {"sales_api": {"config": {"url": "http://127.0.0.1:9", "backoff": 0.001}}}}'


@pytest.mark.parametrize(
    ("arguments", "said", "last"),
    [
        (["--partition", DAY], "export AUTH_TOKEN=", f"{AGAIN} {DAY}"),
        (
            ["--partition-range", f"{DAY}...2022-08-15", "AUTH_TOKEN=wrong"],
            "rejects the token in AUTH_TOKEN",
            f"{AGAIN}-range {DAY}...2022-08-15",
        ),
        (
            ["--partition", DAY, "--config-json", DOWN, "AUTH_TOKEN=x"],
            "6 attempts failed; last error: ",
            f"{AGAIN} {DAY}",
        ),
        (["--partition", "2022-8-9"], "no partition 2022-8-9", "--partition"),
        (["--partition-range", "2099-01-01...2099-01-02"], "no partition 2099-01-01", "(yesterday"),
        (["--partition-range", f"{DAYS[2]}...{DAY}"], "no day is selected", "no day is selected"),
        (["--partition", DAY, "SALES_START_DATE=2022-8-9"], "a day of the form", "or unset it"),
    ],
    ids=["no token", "wrong token", "server down", "bad date", "future", "reversed", "bad setting"],
)
def test_an_error_is_said_once_and_its_last_screen_says_what_to_run(
    api: ScriptedApi, dagster: Command, tmp_path: Path, arguments: list[str], said: str, last: str
) -> None:
    variables = dict(text.split("=") for text in arguments if re.match("[A-Z_]+=", text))
    options = [text for text in arguments if not re.match("[A-Z_]+=", text)]
    home = tmp_path / "home"
    home.mkdir()
    variables = {"SALES_API_URL": api.url, "DAGSTER_HOME": str(copy_home(home)), **variables}
    result = dagster(*BOTH, *options, **variables)
    assert result.returncode
    assert result.stderr.count(said) == 1
    lines = result.stderr.splitlines()
    assert len(lines) < 20
    assert any(last in line for line in lines[-4:])
    assert tree(tmp_path / "storage") == {}


def test_the_commands_of_an_error_store_what_was_missing(
    api: ScriptedApi, dagster: Command, tmp_path: Path
) -> None:
    api.days = {day: [page(sale(purchase_date=day))] for day in (DAY, DAYS[2])}
    failed = dagster(*BOTH, "--partition-range", f"{DAY}...{DAYS[-1]}", **settings(api))
    assert failed.returncode == 1
    api.days[DAYS[1]] = [page(sale(purchase_date=DAYS[1]))]
    commands = re.findall(r"^  dagster (.*)$", failed.stderr, re.MULTILINE)
    for command in dict.fromkeys(commands):
        result = dagster(*shlex.split(command), **settings(api))
        assert result.returncode == 0, result.stderr
    assert len(tree(tmp_path / "storage/raw")) == len(tree(tmp_path / "storage/stg")) == 3


def test_a_backfill_is_cut_into_runs_of_so_many_days_when_set(python: Command) -> None:
    code = "from sales_assets.sales.assets import raw_sales; print(raw_sales.backfill_policy)"
    assert "max_partitions_per_run=10" in python("-c", code, SALES_DAYS_PER_RUN="10").stdout
    assert "single_run" in python("-c", code).stdout


@pytest.mark.slow
def test_two_runs_that_start_together_on_a_fresh_instance_both_succeed(
    dagster: Command, tmp_path: Path
) -> None:
    home = tmp_path / "fresh_home"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    run = partial(dagster, DAGSTER_HOME=str(home), SALES_API_URL="sample")
    assert run("instance", "migrate").returncode == 0
    with ThreadPoolExecutor() as pool:
        runs = [pool.submit(run, *BOTH, "--partition", day) for day in DAYS[:2]]
    assert [run.result().returncode for run in runs] == [0, 0]
    assert len(list((tmp_path / "storage/stg/sales").iterdir())) == 2


def test_importing_the_definitions_warns_of_nothing_and_leaves_out_what_only_some_runs_need(
    new_python: Command,
) -> None:
    some = ("flask", "hypercorn", "s3fs", "fsspec", "upath", "sales_assets.http_jobs.app")
    code = f"import sys, sales_assets.definitions; print(*sys.modules.keys() & set({some}))"
    result = new_python("-c", code)
    assert (result.returncode, result.stdout, result.stderr) == (0, "\n", "")


@pytest.mark.parametrize("asset", [raw_sales, stg_sales, rides, driver_statistics], ids=str)
def test_an_asset_leads_to_its_document_and_to_the_code_that_makes_it(
    asset: dg.AssetsDefinition,
) -> None:
    [spec] = [spec for spec in defs.resolve_all_asset_specs() if spec.key == asset.key]
    document, code = spec.metadata["dagster/code_references"].code_references
    assert PROJECT / document.label == Path(document.file_path)
    name = asset.key.to_user_string()
    assert name in Path(document.file_path).read_text("utf-8")
    lines = Path(code.file_path).read_text("utf-8").splitlines()
    assert f"def {name}(" in "\n".join(lines[code.line_number - 1 :])


def test_dg_and_dagster_call_the_code_location_by_one_name() -> None:
    # What is turned on in the UI is kept by this name.
    [by_dg] = re.findall(r'^code_location_name = "(.*)"', (PROJECT / "dg.toml").read_text(), re.M)
    workspace = yaml.safe_load((PROJECT / "workspace.yaml").read_text())
    [by_dagster] = [each["python_module"]["module_name"] for each in workspace["load_from"]]
    assert by_dg == by_dagster
