"""Three mornings of a `dagster dev` whose API gets rows for days that have long been pulled."""

import datetime
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import dagster as dg
import pytest

from sales_assets_tests.helpers.dagster_dev import DagsterUi, dagster_dev, settings_of
from sales_assets_tests.helpers.pipeline import sales_layers
from sales_assets_tests.helpers.programs import wait_for
from sales_assets_tests.helpers.rows import days_from, page, sale
from sales_assets_tests.helpers.scripted_api import ScriptedApi
from sales_assets_tests.helpers.webhook_server import WebhookServer

pytestmark = pytest.mark.slow

DAYS = days_from("2022-08-09", 14)
OLD = DAYS[:3]


class Morning(NamedTuple):
    """What a tick of the schedule led to: the days asked for, a run, what that changed in raw."""

    pulled: list[str]
    status: str
    changed: dict[str, str]


class Story(NamedTuple):
    """What came of it: by the automation alone, in all (by day of stg_sales), and as alerts."""

    mornings: list[Morning]
    followed: list[str]
    made: Counter[str]
    told: list[str]


def sales_of(day: str, *prices: int) -> list[bytes]:
    return [page(*(sale(purchase_date=day, price=price) for price in prices))]


def morning(ui: DagsterUi, api: ScriptedApi, instance: dg.DagsterInstance, today: str) -> Morning:
    """Run what the schedule requests at one o'clock."""
    api.requests.clear()
    at = datetime.datetime.fromisoformat(f"{today}T01:00:00+00:00")
    [tags] = ui.tick("daily_sales", at)
    run_id = ui.launch("sales", **{name.removeprefix("dagster/"): tags[name] for name in tags})
    [run] = ui.ended(runIds=[run_id])
    asked = sorted({path.partition("date=")[2][:10] for path in api.requests})
    raw, _ = sales_layers(Path(instance.root_directory) / "storage")
    recorded = raw.storage.recorded(instance, raw.asset, asked)
    return Morning(asked, run["status"], {day: recorded[day]["change"] for day in recorded})


def made_by(instance: dg.DagsterInstance, *runs: dg.DagsterRun) -> list[str]:
    """Name the days that were made by runs, each as often as that was."""
    records = [record for run in runs for record in instance.all_logs(run.run_id)]
    events = [record.dagster_event for record in records]
    return sorted(
        str(event.partition)
        for event in events
        if event and event.is_step_materialization and event.asset_key == dg.AssetKey("stg_sales")
    )


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """Three mornings in an installation of its own, whose days have three sales at first."""
    home = tmp_path_factory.mktemp("mornings")
    with (
        ScriptedApi() as api,
        WebhookServer() as webhook,
        dagster_dev(settings_of(home, api, SALES_ALERT_URL=webhook.url)) as ui,
        dg.DagsterInstance.from_config(str(home)) as instance,
    ):
        api.days = {day: sales_of(day, 1, 2, 3) for day in DAYS}
        ui.switch_on("late_day_alerts")
        ui.wait_for_backfill(ui.backfill(OLD))
        mornings = [morning(ui, api, instance, "2022-08-20")]
        api.days["2022-08-18"] = sales_of("2022-08-18", 1, 2, 4, 5, 6)
        mornings.append(morning(ui, api, instance, "2022-08-21"))
        # The API has a late row of one day, and does not have yesterday yet.
        api.days["2022-08-20"] += sales_of("2022-08-20", 4)
        del api.days["2022-08-21"]
        mornings.append(morning(ui, api, instance, "2022-08-22"))
        tags = {"dagster/from_automation_condition": "true"}
        ui.ended(tags=tags)
        followed = made_by(instance, *instance.get_runs(dg.RunsFilter(tags=tags)))
        wait_for("two alerts", lambda: len(webhook.texts) == 2)
        made = Counter(made_by(instance, *instance.get_runs()))
        return Story(mornings, followed, made, sorted(webhook.texts))


def test_each_morning_pulls_yesterday_and_the_days_before_it(story: Story) -> None:
    pulled = [morning.pulled for morning in story.mornings]
    assert pulled == [DAYS[7:11], DAYS[8:12], DAYS[9:13]]


def test_a_day_that_is_pulled_again_says_what_changed(story: Story) -> None:
    assert [morning.changed for morning in story.mornings] == [
        dict.fromkeys(DAYS[7:11], "first version"),
        {
            "2022-08-17": "unchanged",
            "2022-08-18": "+3 -1 rows",
            "2022-08-19": "unchanged",
            "2022-08-20": "first version",
        },
        {"2022-08-18": "unchanged", "2022-08-19": "unchanged", "2022-08-20": "+1 -0 rows"},
    ]


def test_days_that_landed_in_a_run_that_failed_are_converted_by_themselves(story: Story) -> None:
    assert [morning.status for morning in story.mornings] == ["SUCCESS", "SUCCESS", "FAILURE"]
    # The other days of that run have the content that their stg was made from.
    assert story.followed == ["2022-08-20"]


def test_no_day_is_converted_twice(story: Story) -> None:
    made = Counter(
        day
        for one in story.mornings
        for day, change in one.changed.items()
        if one.status == "SUCCESS" or change != "unchanged"
    )
    assert story.made == made + Counter(OLD)


def test_the_failed_run_and_the_late_day_are_told(story: Story) -> None:
    failed, late = story.told
    assert failed.startswith("Failed: ")
    assert late.startswith("Late: stg_sales has no ")
