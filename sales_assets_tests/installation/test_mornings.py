"""Three mornings of a `dagster dev` whose API gets rows for days that have long been pulled."""

import datetime
import os
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import dagster as dg
import pytest

from sales_assets_tests.helpers.dagster_dev import dagster_dev, make_home
from sales_assets_tests.helpers.dagster_ui import DagsterUi
from sales_assets_tests.helpers.materialize import sales_layers
from sales_assets_tests.helpers.rows import page, sale
from sales_assets_tests.helpers.scripted_api import ScriptedApi
from sales_assets_tests.helpers.waiting import wait_for
from sales_assets_tests.helpers.webhook_server import WebhookServer

pytestmark = pytest.mark.slow

_DAYS = [f"2022-08-{day:02}" for day in range(9, 23)]
_OLD = _DAYS[:3]
_MORNINGS = ("2022-08-20", "2022-08-21", "2022-08-22")


class Morning(NamedTuple):
    """What a tick of the schedule led to.

    Attributes:
        pulled: The days that the API was asked for.
        status: How the run ended.
        changed: What the run changed in raw_sales, by day.
    """

    pulled: list[str]
    status: str
    changed: dict[str, str]


class Story(NamedTuple):
    """What came of it.

    Attributes:
        mornings: The three.
        followed: The days that the automation had converted by itself.
        made: How many times each day of stg_sales was made.
        told: What was posted.
    """

    mornings: list[Morning]
    followed: list[str]
    made: Counter[str]
    told: list[str]


def sales_of(day: str, *prices: int) -> list[bytes]:
    """Give the pages of a day."""
    return [page(*(sale(purchase_date=day, price=price) for price in prices))]


class Installation:
    """A `dagster dev` with both sensors on, and the API that it pulls from."""

    def __init__(self, ui: DagsterUi, home: Path, api: ScriptedApi) -> None:
        """Use these; all days have three sales."""
        self._ui, self._home, self._api = ui, home, api
        self._layers = sales_layers(home / "storage")
        api.days = {day: sales_of(day, 1, 2, 3) for day in _DAYS}

    def morning(self, today: str) -> Morning:
        """Run what the schedule requests at one o'clock."""
        self._api.requests.clear()
        at = datetime.datetime.fromisoformat(f"{today}T01:00:00+00:00")
        [tags] = self._ui.tick("daily_sales", at)
        run_id = self._ui.launch("sales", **{k.removeprefix("dagster/"): tags[k] for k in tags})
        [run] = wait_for("the run", lambda: self._ui.finished(runIds=[run_id]))
        asked = {path.partition("date=")[2][:10] for path in self._api.requests}
        raw, _ = self._layers
        with dg.DagsterInstance.from_config(str(self._home)) as instance:
            recorded = raw.storage.recorded(instance, raw.asset, sorted(asked))
            changed = {day: recorded[day]["change"] for day in recorded}
        return Morning(sorted(asked), run["status"], dict(sorted(changed.items())))

    def backfill(self, *days: str) -> None:
        """Have days made by a backfill of both assets."""
        backfill = self._ui.backfill(days)
        wait_for("the backfill", lambda: self._ui.backfill_status(backfill) == "COMPLETED_SUCCESS")

    def followed(self) -> list[str]:
        """Wait for what follows by itself; give its days."""
        tag = {"key": "dagster/from_automation_condition", "value": "true"}
        wait_for("what follows", lambda: self._ui.finished(tags=[tag]), 180)
        with dg.DagsterInstance.from_config(str(self._home)) as instance:
            runs = instance.get_runs(dg.RunsFilter(tags={tag["key"]: tag["value"]}))
            records = [record for run in runs for record in instance.all_logs(run.run_id)]
        events = [record.dagster_event for record in records]
        return sorted(
            str(event.partition) for event in events if event and event.is_step_materialization
        )

    def made(self) -> Counter[str]:
        """Count how many times each day of stg_sales was made."""
        _, stg = self._layers
        with dg.DagsterInstance.from_config(str(self._home)) as instance:
            found = instance.fetch_materializations(stg.asset, limit=1000).records
        return Counter(str(record.partition_key) for record in found)


def tell(directory: Path) -> Story:
    """Let three mornings pass in an installation of its own."""
    home = make_home(directory)
    with pytest.MonkeyPatch.context() as patch, ScriptedApi() as api, WebhookServer() as webhook:
        for name, value in {
            "DAGSTER_HOME": str(home),
            "BASE_DIR": str(home / "storage"),
            "SALES_API_URL": api.url,
            "AUTH_TOKEN": api.token,
            "SALES_ALERT_URL": webhook.url,
        }.items():
            patch.setenv(name, value)
        with dagster_dev(os.environ) as ui:
            there = Installation(ui, home, api)
            ui.switch_on("late_day_alerts")
            there.backfill(*_OLD)
            mornings = [there.morning(_MORNINGS[0])]
            api.days["2022-08-18"] = sales_of("2022-08-18", 1, 2, 4, 5, 6)
            mornings.append(there.morning(_MORNINGS[1]))
            # The API has a late row of one day, and does not have yesterday yet.
            api.days["2022-08-20"] += sales_of("2022-08-20", 4)
            del api.days["2022-08-21"]
            mornings.append(there.morning(_MORNINGS[2]))
            followed = there.followed()
            wait_for("two alerts", lambda: len(webhook.texts) == 2)
            return Story(mornings, followed, there.made(), sorted(webhook.texts))


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """The three mornings."""
    return tell(tmp_path_factory.mktemp("mornings"))


def test_each_morning_pulls_yesterday_and_the_days_before_it(story: Story) -> None:
    assert [morning.pulled for morning in story.mornings] == [
        _DAYS[7:11],
        _DAYS[8:12],
        _DAYS[9:13],
    ]


def test_a_day_that_is_pulled_again_says_what_changed(story: Story) -> None:
    assert [morning.changed for morning in story.mornings] == [
        dict.fromkeys(_DAYS[7:11], "first version"),
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
    assert story.made == made + Counter(_OLD)


def test_the_failed_run_and_the_late_day_are_told(story: Story) -> None:
    failed, late = story.told
    assert failed.startswith("Failed: ")
    assert late.startswith("Late: stg_sales has no ")
