"""A day that is late is told once, and once more when it has come."""

import datetime

import dagster as dg
import pytest

from sales_assets.alerts.late_days import late_day_alerts
from sales_assets.alerts.sensors import AlertError
from sales_assets.alerts.webhook import Webhook
from sales_assets_tests.helpers.webhook_server import WebhookServer

KEY = dg.AssetKey("stg_sales")


class Mornings:
    """The ticks of the sensor, at any time; each day is due at four in the morning after it."""

    def __init__(self, webhook: WebhookServer, instance: dg.DagsterInstance) -> None:
        """Switch it on; nothing is stored yet."""
        self._instance = instance
        self._cursor: str | None = None
        self._now = datetime.datetime.now(datetime.timezone.utc)
        self._sensor = late_day_alerts(
            Webhook(webhook.url),
            KEY,
            dg.DailyPartitionsDefinition("2022-08-09"),
            lambda day: datetime.datetime.combine(
                day + datetime.timedelta(days=1), datetime.time(4), datetime.timezone.utc
            ),
            lambda: self._now,
        )

    def tick(self, now: str) -> str | None:
        """Look at a time; give why no run was requested."""
        self._now = datetime.datetime.fromisoformat(f"{now}:00+00:00")
        context = dg.build_sensor_context(self._instance, cursor=self._cursor)
        result = self._sensor.evaluate_tick(context)
        self._cursor = result.cursor
        return result.skip_message

    def store(self, day: str) -> None:
        """Have a day stored."""
        self._instance.report_runless_asset_event(dg.AssetMaterialization(KEY, partition=day))


@pytest.fixture
def mornings(webhook: WebhookServer, instance: dg.DagsterInstance) -> Mornings:
    return Mornings(webhook, instance)


def test_a_day_is_not_late_before_it_is_due(mornings: Mornings, webhook: WebhookServer) -> None:
    mornings.store("2022-08-09")
    assert mornings.tick("2022-08-11T03:59") == "no day is late"
    assert webhook.texts == []


def test_a_late_day_is_told_once(mornings: Mornings, webhook: WebhookServer) -> None:
    mornings.tick("2022-08-11T04:00")
    assert mornings.tick("2022-08-11T04:05") == "late, and told: 2022-08-10"
    assert webhook.texts == [
        "Late: stg_sales has no 2022-08-10, which was due at 2022-08-11 04:00 UTC"
    ]


def test_a_late_day_that_has_come_is_told_once(mornings: Mornings, webhook: WebhookServer) -> None:
    mornings.tick("2022-08-11T04:00")
    mornings.store("2022-08-10")
    mornings.tick("2022-08-11T09:00")
    assert mornings.tick("2022-08-11T09:05") == "no day is late"
    assert webhook.texts[1:] == ["Here: stg_sales has 2022-08-10 now"]


def test_a_day_that_is_stored_in_time_is_not_told(
    mornings: Mornings, webhook: WebhookServer
) -> None:
    mornings.store("2022-08-10")
    mornings.tick("2022-08-11T04:00")
    assert webhook.texts == []


def test_no_alert_is_lost_when_the_webhook_fails(
    mornings: Mornings, webhook: WebhookServer
) -> None:
    webhook.statuses.append(404)
    with pytest.raises(dg.DagsterError) as error:
        mornings.tick("2022-08-11T04:00")
    assert isinstance(error.value.__cause__ or error.value, AlertError)
    mornings.tick("2022-08-11T04:05")
    assert len(webhook.texts) == 1


def test_no_day_before_the_first_one_is_late(mornings: Mornings, webhook: WebhookServer) -> None:
    assert mornings.tick("2022-08-09T12:00") == "no day is late"
