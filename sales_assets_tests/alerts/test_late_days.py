"""A day that is late is reported once, and once more when it is stored."""

import datetime
from pathlib import Path

import dagster as dg
import pytest

from sales_assets.alerts.late_days import late_day_alerts
from sales_assets.alerts.webhook import AlertError, Webhook
from sales_assets_tests.helpers.commands import Command
from sales_assets_tests.helpers.rows import days_from
from sales_assets_tests.helpers.webhook_server import WebhookServer

KEY = dg.AssetKey("stg_sales")


class Mornings:
    """The ticks of the sensor, at any time; each day is due at four in the morning after it."""

    cursor: str | None = None
    _started: float | None = None
    _now: datetime.datetime

    def __init__(self, webhook: WebhookServer, instance: dg.DagsterInstance) -> None:
        self._instance = instance
        self._sensor = late_day_alerts(
            Webhook(webhook.url),
            KEY,
            lambda instance, key, days: instance.get_materialized_partitions(key) & {*days},
            datetime.date(2022, 8, 9),
            lambda day: datetime.datetime.combine(
                day + datetime.timedelta(days=1), datetime.time(4), datetime.timezone.utc
            ),
            lambda: self._now,
        )

    def tick(self, now: str) -> str | None:
        """Evaluate at a time; give what the tick says."""
        self._now = datetime.datetime.fromisoformat(f"{now}:00+00:00")
        self._started = self._started or self._now.timestamp()
        context = dg.build_sensor_context(
            self._instance, cursor=self.cursor, last_sensor_start_time=self._started
        )
        result = self._sensor.evaluate_tick(context)
        self.cursor = result.cursor
        return result.skip_message

    def store(self, *days: str) -> None:
        """Have days stored."""
        for day in days:
            self._instance.report_runless_asset_event(dg.AssetMaterialization(KEY, partition=day))


@pytest.fixture
def mornings(webhook: WebhookServer, instance: dg.DagsterInstance) -> Mornings:
    return Mornings(webhook, instance)


def late(webhook: WebhookServer) -> list[str]:
    """The days that were reported as late, in their order."""
    lines = [line for text in webhook.texts for line in text.splitlines()]
    return [line.split()[4].rstrip(",") for line in lines if line.startswith("Late: ")]


def test_a_day_is_not_late_before_it_is_due_or_when_it_is_stored(
    mornings: Mornings, webhook: WebhookServer
) -> None:
    assert mornings.tick("2022-08-09T12:00") == "no day is late"
    mornings.store("2022-08-09")
    assert mornings.tick("2022-08-11T03:59") == "no day is late"
    mornings.store("2022-08-10")
    assert mornings.tick("2022-08-11T04:00") == "no day is late"
    assert webhook.texts == []


def test_a_late_day_is_reported_once(mornings: Mornings, webhook: WebhookServer) -> None:
    mornings.store("2022-08-09")
    mornings.tick("2022-08-11T04:00")
    assert mornings.tick("2022-08-11T04:05") == "late, already reported: 2022-08-10"
    assert webhook.texts == [
        "Late: stg_sales has no 2022-08-10, which was due at 2022-08-11 04:00 UTC"
    ]


def test_a_late_day_that_is_stored_is_reported_once_more(
    mornings: Mornings, webhook: WebhookServer
) -> None:
    mornings.tick("2022-08-10T04:00")
    mornings.store("2022-08-09")
    mornings.tick("2022-08-10T09:00")
    assert mornings.tick("2022-08-10T09:05") == "no day is late"
    assert webhook.texts[1:] == ["Stored: stg_sales now has 2022-08-09"]


def test_late_days_stay_owed_while_the_webhook_is_down(
    mornings: Mornings, webhook: WebhookServer
) -> None:
    days = days_from("2022-08-09", 31)
    mornings.store(days[3])
    for morning in days[1:]:
        webhook.statuses.append(404)
        with pytest.raises(dg.DagsterError) as error:
            mornings.tick(f"{morning}T04:00")
        assert isinstance(error.value.__cause__ or error.value, AlertError)
    for minute in range(10, 40, 5):
        mornings.tick(f"{days[-1]}T04:{minute}")
    assert late(webhook) == [*days[:3], *days[4:-1]]
    assert max(map(len, webhook.texts)) <= 2000


def test_late_days_are_found_after_any_time_without_a_daemon(
    mornings: Mornings, webhook: WebhookServer
) -> None:
    days = days_from("2022-08-09", 12)
    mornings.store(days[0])
    mornings.tick(f"{days[1]}T12:00")
    mornings.tick(f"{days[-1]}T12:00")
    assert late(webhook) == days[1:-1]


def test_the_first_tick_looks_at_seven_days(mornings: Mornings, webhook: WebhookServer) -> None:
    mornings.tick("2022-09-09T04:00")
    assert late(webhook) == days_from("2022-08-09", 31)[-7:]


@pytest.mark.parametrize(
    "cursor", ["no JSON", "[]", "null", '{"settled": "soon"}', '{"reported": 3}']
)
def test_a_cursor_that_cannot_be_read_is_reset_with_a_message(
    mornings: Mornings, webhook: WebhookServer, cursor: str
) -> None:
    mornings.cursor = cursor
    told = mornings.tick("2022-08-10T04:00") or ""
    assert told.startswith("the cursor could not be read and was reset")
    assert mornings.tick("2022-08-10T04:05") == "late, already reported: 2022-08-09"
    assert late(webhook) == ["2022-08-09"]


STORED_ELSEWHERE = """
import datetime, sys
import dagster as dg
from sales_assets.definitions import defs, defs_for

day = str(datetime.date.today() - datetime.timedelta(days=3))
sensor = next(one for one in defs.sensors if one.name == "late_day_alerts")
cursor = None
with dg.DagsterInstance.ephemeral() as instance:
    for root in sys.argv[1:]:
        job = defs_for(root).resolve_implicit_global_asset_job_def()
        assets = [dg.AssetKey("raw_sales"), dg.AssetKey("stg_sales")]
        job.execute_in_process(instance=instance, partition_key=day, asset_selection=assets)
        tick = sensor.evaluate_tick(dg.build_sensor_context(instance, cursor=cursor))
        cursor = tick.cursor
        print([line.split(",")[0] for line in tick.skip_message.splitlines() if day in line])
"""


@pytest.mark.slow
def test_a_day_that_is_stored_elsewhere_is_late(
    webhook: WebhookServer, python: Command, tmp_path: Path
) -> None:
    here = str(tmp_path / "here")
    settings = {"BASE_DIR": here, "SALES_ALERT_URL": webhook.url, "SALES_API_URL": "sample"}
    ended = python("-c", STORED_ELSEWHERE, str(tmp_path / "elsewhere"), here, **settings)
    first, second = ended.stdout.splitlines()
    assert first.startswith("['Late: stg_sales has no 20"), ended.stderr
    assert "Stored: stg_sales now has 20" in second
