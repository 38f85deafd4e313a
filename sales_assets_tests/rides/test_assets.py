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
from sales_assets_tests.helpers.rides_file import STATISTICS, by_hand, sql
from sales_assets_tests.helpers.rows import ride_answer
from sales_assets_tests.helpers.scripted_api import ScriptedApi

pytestmark = pytest.mark.slow


def run(api: ScriptedApi, path: Path | str, *answers: Any) -> dict[str, Any]:
    """Materialize both assets with their checks, in memory; give what the run says of each."""
    for answer in answers:
        is_ride = not isinstance(answer, Answer)
        api.script.append(Answer(body=json.dumps(answer).encode()) if is_ride else answer)
    database = RidesDatabase(path=str(path))
    config = PullConfig(polls=len(answers), interval=0)
    result = dg.materialize(
        [rides, driver_statistics, distances_are_plausible, every_ride_has_its_driver],
        resources={"rides_api": RidesApi(url=api.url, backoff=0), "rides_database": database},
        run_config=dg.RunConfig(ops={"rides": config}),
    )
    assert [check.passed for check in result.get_asset_check_evaluations()] == [True] * 2
    return {
        event.asset_key.to_user_string(): {
            name: entry.value for name, entry in event.materialization.metadata.items()
        }
        for event in result.get_asset_materialization_events()
        if event.asset_key
    }


def test_a_run_stores_rides_and_sums_them_up(api: ScriptedApi, place: str) -> None:
    told = run(
        api,
        place,
        ride_answer("r1", "d1", distance=1.5),
        ride_answer("r2", "d2", distance=9.0),
        ride_answer("r1", "d1", distance=2.0),
        Answer(500),
        Answer(body=b"[]"),
    )
    assert by_hand(place) == sql(place, STATISTICS) == [("d1", 2.0, 1, 7.0), ("d2", 9.0, 1, 7.0)]
    path = place.replace(":word@", ":***@")
    assert told == {
        "rides": {
            "source": api.url,
            "path": path,
            "rides_pulled": 3,
            "rides_new": 2,
            "rides_updated": 1,
            "answers_skipped": 2,
            "dagster/row_count": 2,
        },
        "driver_statistics": {
            "path": path,
            "dagster/row_count": 2,
            "total_drivers": 2,
            "total_rides": 2,
            "total_distance": 11.0,
            "total_price": 14.0,
        },
    }


def test_infinite_sums_can_be_shown(api: ScriptedApi, path: Path) -> None:
    told = run(api, path, *(ride_answer(f"r{n}", price=1e308) for n in range(2)))
    assert told["driver_statistics"]["total_price"] == "inf"


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


def test_a_run_without_any_ride_fails_and_says_why(api: ScriptedApi, path: Path) -> None:
    with pytest.raises(NoRidesError, match=r"no ride in 3 responses.*HTTP 503.*RIDES_API_URL"):
        run(api, path, Answer(500), Answer(500), Answer(503))
