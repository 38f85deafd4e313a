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
from sales_assets.rides.errors import RidesDatabaseError
from sales_assets.sample.api import Answer
from sales_assets_tests.helpers.rides_file import STATISTICS, by_hand, sql, stored
from sales_assets_tests.helpers.rows import ride_answer
from sales_assets_tests.helpers.scripted_api import ScriptedApi

pytestmark = pytest.mark.slow

ALL = [rides, driver_statistics, distances_are_plausible, every_ride_has_its_driver]


def run(api: RidesApi, path: Path | str, **config: Any) -> dg.ExecuteInProcessResult:
    """Materialize both assets, with their checks, on an instance in memory."""
    return dg.materialize(
        ALL,
        resources={"rides_api": api, "rides_database": RidesDatabase(path=str(path))},
        run_config=dg.RunConfig(ops={"rides": PullConfig(**{"interval": 0, **config})}),
    )


def metadata(result: dg.ExecuteInProcessResult, asset: str) -> dict[str, Any]:
    """Give what a run says of an asset."""
    [materialization] = result.asset_materializations_for_node(asset)
    return {name: entry.value for name, entry in materialization.metadata.items()}


def client(api: ScriptedApi) -> RidesApi:
    """A client that hardly waits."""
    return RidesApi(url=api.url, backoff=0)


def answers(*rides_to_come: Any) -> list[Answer]:
    """Encode answers as the API does."""
    return [Answer(body=json.dumps(ride).encode()) for ride in rides_to_come]


def test_a_run_stores_rides_and_sums_them_up(api: ScriptedApi, place: str) -> None:
    api.script.extend(
        answers(
            ride_answer("r1", "d1", distance=1.5),
            ride_answer("r2", "d2", distance=9.0),
            ride_answer("r1", "d1", distance=2.0),
        )
    )
    result = run(client(api), place, polls=3)
    assert by_hand(place) == sql(place, STATISTICS) == [("d1", 2.0, 1, 7.0), ("d2", 9.0, 1, 7.0)]
    told = metadata(result, "driver_statistics")
    assert {name: told[name] for name in told if name.startswith("total_")} == {
        "total_drivers": 2,
        "total_rides": 2,
        "total_distance": 11.0,
        "total_price": 14.0,
    }
    assert [check.passed for check in result.get_asset_check_evaluations()] == [True] * 2


def test_infinite_sums_can_be_shown(api: ScriptedApi, path: Path) -> None:
    api.script.extend(answers(*(ride_answer(f"r{n}", distance=1e308) for n in range(2))))
    told = metadata(run(client(api), path, polls=2), "driver_statistics")
    assert told["total_distance"] == "inf"


def test_a_run_tells_what_it_pulled(api: ScriptedApi, path: Path) -> None:
    api.script.extend(answers(ride_answer("r1"), ride_answer("r2"), ride_answer("r1")))
    api.script.extend([Answer(500), Answer(body=b"[]")])
    told = metadata(run(client(api), path, polls=5), "rides")
    assert (told["source"], told["path"]) == (api.url, str(path))
    assert {name: told[name] for name in told if name.startswith(("rides_", "answers_"))} == {
        "rides_pulled": 3,
        "rides_new": 2,
        "rides_updated": 1,
        "answers_skipped": 2,
    }
    assert told["dagster/row_count"] == 2


TYPES = {"TEXT": "str", "REAL": "float", "INTEGER": "int"}


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("asset", [rides, driver_statistics])
def test_the_columns_of_an_asset_are_those_of_its_table(
    asset: dg.AssetsDefinition, path: Path
) -> None:
    schema = asset.metadata_by_key[asset.key]["dagster/column_schema"]
    assert [(c.name, c.type, not c.constraints.nullable) for c in schema.columns] == [
        (name, TYPES[type_], bool(required))
        for _, name, type_, required, *_ in sql(path, f"PRAGMA table_info({asset.key.path[0]})")
    ]
    assert all(column.description for column in schema.columns)
    units = {c.name: "of the API" in c.description for c in schema.columns}
    assert all(units[name] for name in units if "distance" in name or "price" in name)


def test_a_run_stores_its_rides_in_the_file_that_is_there(api: ScriptedApi, path: Path) -> None:
    def answer(number: int) -> bytes:
        if number == 3:
            path.unlink()
        return json.dumps(ride_answer(f"r{number}")).encode()

    api.ride = answer
    result = run(client(api), path, polls=5)
    assert stored(path) == {"r3", "r4", "r5"}
    assert metadata(result, "rides")["rides_pulled"] == 5
    assert by_hand(path) == sql(path, STATISTICS)


def test_a_run_whose_file_is_damaged_fails(api: ScriptedApi, path: Path) -> None:
    def answer(number: int) -> bytes:
        if number == 3:
            path.write_bytes(b"no database" * 999)
        return json.dumps(ride_answer(f"r{number}")).encode()

    api.ride = answer
    with pytest.raises(RidesDatabaseError, match=f"{path} cannot be used .*damaged"):
        run(client(api), path, polls=5)


def test_a_run_without_any_ride_fails_and_says_why(api: ScriptedApi, path: Path) -> None:
    api.script.extend([Answer(500), Answer(500), Answer(503)])
    with pytest.raises(NoRidesError, match=r"no ride in 3 responses.*HTTP 503.*RIDES_API_URL"):
        run(client(api), path, polls=3)
