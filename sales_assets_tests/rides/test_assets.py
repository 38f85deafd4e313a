"""The rides assets and their checks, materialized with a real server and a real file."""

import json
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from sales_assets.rides.api import RidesApi
from sales_assets.rides.assets import NoRidesError, PullConfig, driver_statistics, rides
from sales_assets.rides.checks import distances_are_plausible, every_ride_has_its_driver
from sales_assets.rides.database import RidesDatabase
from sales_assets.sample.api import Answer
from sales_assets.sample.resources import SampleRidesApi
from sales_assets_tests.helpers.commands import Command
from sales_assets_tests.helpers.rides_file import BY_HAND, STATISTICS, sql
from sales_assets_tests.helpers.rows import ride_answer
from sales_assets_tests.helpers.scripted_api import ScriptedApi

ALL = [rides, driver_statistics, distances_are_plausible, every_ride_has_its_driver]
MATERIALIZE = ("asset", "materialize", "-m", "sales_assets.definitions", "--select")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the database will be."""
    return tmp_path / "rides.db"


def run(
    api: RidesApi, path: Path, instance: dg.DagsterInstance, **config: Any
) -> dg.ExecuteInProcessResult:
    """Materialize both assets, with their checks."""
    return dg.materialize(
        ALL,
        resources={"rides_api": api, "rides_database": RidesDatabase(path=str(path))},
        run_config=dg.RunConfig(ops={"rides": PullConfig(**{"interval": 0, **config})}),
        instance=instance,
    )


def metadata(result: dg.ExecuteInProcessResult, asset: str) -> dict[str, Any]:
    """Give what a run says of an asset."""
    [materialization] = result.asset_materializations_for_node(asset)
    return {name: entry.value for name, entry in materialization.metadata.items()}


def failed_checks(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    """Give the metadata of the checks that did not pass."""
    return {
        check.check_name: {name: entry.value for name, entry in check.metadata.items()}
        for check in result.get_asset_check_evaluations()
        if not check.passed
    }


def client(api: ScriptedApi) -> RidesApi:
    """A client that hardly waits."""
    return RidesApi(url=api.url, backoff=0)


def answers(*rides_to_come: Any) -> list[Answer]:
    """Encode answers as the API does."""
    return [Answer(body=json.dumps(ride).encode()) for ride in rides_to_come]


def test_a_run_stores_rides_and_sums_them_up(
    api: ScriptedApi, path: Path, instance: dg.DagsterInstance
) -> None:
    api.script.extend(
        answers(
            ride_answer("r1", "d1", distance=1.5),
            ride_answer("r2", "d2", distance=9.0),
            ride_answer("r1", "d1", distance=2.0),
        )
    )
    result = run(client(api), path, instance, polls=3)
    assert sql(path, BY_HAND) == sql(path, STATISTICS) == [("d1", 2.0, 1, 7.0), ("d2", 9.0, 1, 7.0)]
    assert failed_checks(result) == {}
    assert len(result.get_asset_check_evaluations()) == 3


def test_a_run_tells_what_it_pulled(
    api: ScriptedApi, path: Path, instance: dg.DagsterInstance
) -> None:
    api.script.extend(answers(ride_answer("r1"), ride_answer("r2"), ride_answer("r1")))
    api.script.extend([Answer(500), Answer(body=b"[]")])
    told = metadata(run(client(api), path, instance, polls=5), "rides")
    assert (told["source"], told["path"]) == (api.url, str(path))
    assert {name: told[name] for name in told if name.startswith(("rides_", "answers_"))} == {
        "rides_pulled": 3,
        "rides_new": 2,
        "rides_updated": 1,
        "answers_skipped": 2,
    }
    assert told["dagster/row_count"] == 2
    assert [column.name for column in told["dagster/column_schema"].columns] == [
        *("ride_uuid", "user_uuid", "driver_uuid", "distance", "price")
    ]


def test_the_statistics_show_the_ten_longest_distances(
    api: ScriptedApi, path: Path, instance: dg.DagsterInstance
) -> None:
    api.script.extend(
        answers(*(ride_answer(f"r{n}", f"d{n}", distance=n + 0.09) for n in range(12)))
    )
    told = metadata(run(client(api), path, instance, polls=12), "driver_statistics")
    header, _, first, *others = told["longest_distances"].splitlines()
    assert header == (
        "| name | surname | distance | rides | price | average_distance | driver_uuid |"
    )
    assert first == "| Ada | Byron | 11.09 | 1 | 7.0 | 11.09 | d11 |"
    assert len(others) == 9
    totals = {name: told[name] for name in told if name.startswith("total_")}
    assert totals == {
        "total_drivers": 12,
        "total_rides": 12,
        "total_distance": 67.08,
        "total_price": 84.0,
    }


def test_a_name_cannot_break_the_table(
    api: ScriptedApi, path: Path, instance: dg.DagsterInstance
) -> None:
    ride = ride_answer()
    ride["driver"]["name"] = "a\\| b\n<script>'; DROP TABLE rides; --"
    api.script.extend(answers(ride))
    told = metadata(run(client(api), path, instance, polls=1), "driver_statistics")
    _, _, row = told["longest_distances"].splitlines()
    assert row.startswith("| a\\\\\\| b \\<script>'; DROP TABLE rides; -- | Byron | 2.5 |")


def test_a_run_without_any_ride_fails_and_says_why(
    api: ScriptedApi, path: Path, instance: dg.DagsterInstance
) -> None:
    api.script.extend([Answer(500), Answer(500), Answer(503)])
    with pytest.raises(NoRidesError, match=r"no ride in 3 answers.*RIDES_API_URL.*HTTP 503"):
        run(client(api), path, instance, polls=3)


def test_statistics_of_an_empty_database_are_empty(
    path: Path, instance: dg.DagsterInstance
) -> None:
    result = dg.materialize(
        [rides, driver_statistics],
        selection=[driver_statistics],
        resources={
            "rides_api": RidesApi(url="http://127.0.0.1:9"),
            "rides_database": RidesDatabase(path=str(path)),
        },
        instance=instance,
    )
    told = metadata(result, "driver_statistics")
    assert (told["dagster/row_count"], told["longest_distances"]) == (0, "no rows")


def test_negative_and_absurd_distances_are_kept_and_found(
    api: ScriptedApi, path: Path, instance: dg.DagsterInstance
) -> None:
    distances = (-0.1, 0.0, 1000.0, 1000.5, 1e308, 1e308)
    api.script.extend(answers(*(ride_answer(f"r{n}", distance=d) for n, d in enumerate(distances))))
    result = run(client(api), path, instance, polls=len(distances))
    assert metadata(result, "driver_statistics")["total_distance"] == "inf"
    failed = failed_checks(result)
    assert list(failed) == ["distances_are_plausible"]
    assert failed["distances_are_plausible"]["rides"] == 4
    assert "| r0 | u1 | d1 | -0.1 |" in failed["distances_are_plausible"]["first_rides"]


def test_a_ride_without_its_driver_is_found(
    api: ScriptedApi, path: Path, instance: dg.DagsterInstance
) -> None:
    api.script.extend(answers(ride_answer("r1", "d1"), ride_answer("r2", "d2")) * 2)
    run(client(api), path, instance, polls=2)
    sql(path, "INSERT INTO rides VALUES ('r3', 'u1', 'nobody', 1.0, 1.0)")
    failed = failed_checks(run(client(api), path, instance, polls=2))
    assert failed == {
        "every_ride_has_its_driver": {"rides_without_drivers": 1, "rides_without_users": 0}
    }


@pytest.mark.parametrize(
    ("config", "limits"),
    [
        ({}, (12, 50.0)),
        ({"polls": 3}, (3, None)),
        ({"seconds": 600}, (None, 600.0)),
        ({"polls": 3, "seconds": 600}, (3, 600.0)),
    ],
)
def test_a_run_is_limited_as_configured(config: dict[str, Any], limits: tuple[Any, Any]) -> None:
    assert PullConfig(**config).limits() == limits


@pytest.mark.parametrize(
    "config", [{"polls": 0}, {"seconds": 0}, {"interval": -1}, {"interval": float("inf")}]
)
def test_a_config_without_sense_is_refused(config: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(config))):
        PullConfig(**config)


def test_each_run_with_the_sample_api_brings_new_rides_of_the_same_drivers(
    path: Path, instance: dg.DagsterInstance
) -> None:
    first, second = (
        metadata(run(SampleRidesApi(), path, instance, polls=60), "rides") for _ in range(2)
    )
    assert (first["rides_new"], second["rides_new"]) == (60, 60)
    assert "INVENTED" in first["source"]
    [(drivers,)] = sql(path, "SELECT COUNT(*) FROM drivers")
    assert 20 <= drivers <= 40


def test_both_assets_are_materialized_with_nothing_set(dagster: Command, tmp_path: Path) -> None:
    result = dagster(*MATERIALIZE, "rides,driver_statistics")
    assert result.returncode == 0, result.stderr
    assert "INVENTED rides" in result.stderr
    path = tmp_path / "file_storage" / "rides.db"
    assert sql(path, "SELECT COUNT(*) FROM rides") == [(12,)]
    assert sql(path, BY_HAND) == sql(path, STATISTICS)


def test_the_command_line_pulls_from_the_api_of_the_settings(
    api: ScriptedApi, dagster: Command, path: Path
) -> None:
    api.script.extend(answers(*(ride_answer(f"r{n}", distance=float(n)) for n in range(4))))
    config = {"ops": {"rides": {"config": {"polls": 4, "interval": 0}}}}
    result = dagster(
        *(*MATERIALIZE, "rides,driver_statistics", "--config-json", json.dumps(config)),
        RIDES_API_URL=api.url,
        RIDES_DB=str(path),
    )
    assert result.returncode == 0, result.stderr
    assert sql(path, STATISTICS) == [("d1", 6.0, 4, 28.0)]
