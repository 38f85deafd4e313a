"""Alerts of failed runs, posted to a real webhook."""

import json
import logging
from collections.abc import Callable
from contextlib import ExitStack

import dagster as dg
import pytest

from sales_assets.alerts.sensors import failed_run_alerts
from sales_assets.alerts.webhook import AlertError, Webhook
from sales_assets.http.address import InvalidAddressError
from sales_assets_tests.helpers.commands import Command
from sales_assets_tests.helpers.pipeline import DAYS, Pipeline, failed
from sales_assets_tests.helpers.rows import DAY, page, sale
from sales_assets_tests.helpers.webhook_server import WebhookServer

pytestmark = pytest.mark.slow


Tick = Callable[[], list[str]]


def daemon(webhook: WebhookServer, instance: dg.DagsterInstance) -> Tick:
    """Have the sensor ticking: each call is a tick, and gives what that posted."""
    sensor = failed_run_alerts(Webhook(webhook.url))
    cursor: str | None = None

    def tick() -> list[str]:
        nonlocal cursor
        before = len(webhook.texts)
        context = dg.build_sensor_context(instance, cursor=cursor, sensor_name=sensor.name)
        cursor = sensor.evaluate_tick(context).cursor
        return webhook.texts[before:]

    tick()  # Runs that failed before are not reported.
    return tick


@pytest.fixture
def tick(webhook: WebhookServer, instance: dg.DagsterInstance) -> Tick:
    return daemon(webhook, instance)


@dg.op
def broken(error: str = "broken") -> None:
    raise ValueError(error)


@dg.job
def breaks() -> None:
    broken()


def fail(instance: dg.DagsterInstance, error: str = "broken") -> str:
    """Let a run fail; give its id."""
    config = {"ops": {"broken": {"inputs": {"error": error}}}}
    result = breaks.execute_in_process(config, instance=instance, raise_on_error=False)
    return result.run_id


def test_a_failed_day_is_posted_with_its_run_and_our_error(
    webhook: WebhookServer, tick: Tick, pipeline: Pipeline
) -> None:
    pipeline.api.days.clear()
    pipeline.run()
    [run] = pipeline.instance.get_runs()
    [text] = tick()
    assert text.startswith(f"Failed: sales, {DAY}\nRun {run.run_id}, 20")
    assert f"NoSuchDayError: {DAY}: {pipeline.api.url}" in text
    assert json.loads(webhook.bodies[0]).keys() == {"text"}


def test_a_failed_range_is_posted_with_the_days_that_are_missing(
    tick: Tick, pipeline: Pipeline
) -> None:
    del pipeline.api.days[DAYS[1]]
    pipeline.run(DAYS[0], DAYS[-1])
    [text] = tick()
    assert text.startswith(f"Failed: sales, {DAYS[0]}...{DAYS[-1]}\n")
    assert "raw_sales: 1 of 3 days failed" in text
    assert f"--partition {DAYS[1]}\n" in text


def test_a_message_is_bounded_and_keeps_what_to_run(tick: Tick, pipeline: Pipeline) -> None:
    pipeline.api.days.clear()
    pipeline.run("2022-08-09", "2022-09-08")
    [text] = tick()
    assert len(text) <= 2000
    assert "raw_sales: 31 of 31 days failed" in text
    assert "--partition-range 2022-08-09...2022-09-08" in text


def test_a_huge_error_in_one_line_is_cut_with_all_that_is_escaped(
    webhook: WebhookServer, tick: Tick, instance: dg.DagsterInstance
) -> None:
    fail(instance, "\n".join(["&" * 10_000] * 10))
    tick()
    text = json.loads(webhook.bodies[0])["text"]
    assert len(text) <= 2000
    assert text.endswith("&amp;\n```")


def test_no_character_that_a_service_may_refuse_is_posted(
    tick: Tick, instance: dg.DagsterInstance
) -> None:
    fail(instance, "\x1b[31mno\x00thing\ud800\tin a 🚕")
    [text] = tick()
    assert "ValueError: \ufffd[31mno\ufffdthing\ufffd\tin a 🚕" in text


def test_a_run_of_selected_assets_is_posted_with_their_names(
    webhook: WebhookServer, tick: Tick, instance: dg.DagsterInstance
) -> None:
    @dg.asset(partitions_def=dg.DailyPartitionsDefinition(DAY))
    def lost() -> None:
        raise ValueError("a < b & <!channel> `c`")

    job = dg.Definitions([lost]).resolve_implicit_global_asset_job_def()
    job.execute_in_process(
        instance=instance, asset_selection=[lost.key], partition_key=DAY, raise_on_error=False
    )
    [text] = tick()
    assert text.startswith(f"Failed: lost, {DAY}\n")
    # Slack would call everybody, and end the block at a backtick.
    assert "ValueError: a &lt; b &amp; &lt;!channel&gt; 'c'" in webhook.bodies[0]


def test_a_blocking_check_that_fails_is_posted(tick: Tick, pipeline: Pipeline) -> None:
    pipeline.api.days[DAY] = [page(sale(client=""))]
    pipeline.run()
    [text] = tick()
    assert "rows_are_sales_of_the_day failed for 1 of 1 days" in text
    assert f"{DAY}: 1 row without client or product" in text


def test_a_check_that_does_not_block_is_not_posted(tick: Tick, pipeline: Pipeline) -> None:
    assert not failed(pipeline.run())
    pipeline.api.days[DAY][1:] = [page(sale(price=3)), page(sale(price=4), sale(price=5))]
    assert [*failed(pipeline.run())] == ["raw_sales_pages_are_full"]
    assert tick() == []


def test_a_run_whose_process_was_killed_is_posted(tick: Tick, instance: dg.DagsterInstance) -> None:
    # What the monitoring of the daemon does.
    run = instance.create_run_for_job(breaks)
    instance.report_run_failed(run, "the worker is gone")
    [text] = tick()
    assert text.startswith("Failed: breaks\n")
    assert "the worker is gone" in text


def test_a_run_that_dagster_starts_again_says_so(tick: Tick, instance: dg.DagsterInstance) -> None:
    instance.add_run_tags(fail(instance), {"dagster/will_retry": "true"})
    assert "Dagster will retry it\n" in tick()[0]


def test_a_token_that_the_api_echoes_is_not_posted(
    webhook: WebhookServer, tick: Tick, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = 'made-up-"word'  # noqa: S105
    pipeline.api.token = token
    monkeypatch.setenv("AUTH_TOKEN", token)
    pipeline.api.days[DAY] = [json.dumps([{"client": 1, "price": f"for {token} only"}]).encode()]
    pipeline.run()
    tick()
    [body] = webhook.bodies
    assert "for *** only" in body
    assert "made-up" not in body


@pytest.mark.parametrize("status", [429, 500])
def test_a_webhook_that_fails_for_a_moment_is_asked_again(
    webhook: WebhookServer, tick: Tick, instance: dg.DagsterInstance, status: int
) -> None:
    webhook.statuses.append(status)
    fail(instance)
    assert len(tick()) == 1
    assert webhook.posts == 2


def test_an_alert_that_does_not_get_through_is_posted_by_a_later_tick_and_only_once(
    webhook: WebhookServer, tick: Tick, instance: dg.DagsterInstance
) -> None:
    first, second = fail(instance), fail(instance)
    tick()
    webhook.statuses.extend([500] * 3)
    with pytest.raises(AlertError, match=f"run {second} failed.*HTTP 500.*; each tick tries again"):
        tick()
    tick()
    tick()
    assert [first in text for text in webhook.texts] == [True, False]
    assert second in webhook.texts[1]


@pytest.mark.parametrize(
    ("status", "says"), [(404, "HTTP 404"), (302, "HTTP 302, but redirects are not followed")]
)
def test_a_webhook_that_refuses_fails_the_tick_at_once(
    webhook: WebhookServer, tick: Tick, instance: dg.DagsterInstance, status: int, says: str
) -> None:
    webhook.statuses.append(status)
    fail(instance)
    with pytest.raises(AlertError, match=says):
        tick()
    assert webhook.posts == 1


@pytest.mark.parametrize("reachable", [True, False])
def test_the_address_is_in_no_error_and_no_log(
    instance: dg.DagsterInstance, caplog: pytest.LogCaptureFixture, reachable: bool
) -> None:
    caplog.set_level(logging.DEBUG)
    with ExitStack() as stack:
        webhook = stack.enter_context(WebhookServer())
        tick = daemon(webhook, instance)
        fail(instance)
        webhook.statuses.append(403)
        if not reachable:
            stack.close()
        with pytest.raises(AlertError) as raised:
            tick()
    # With all that led to it, as Dagster keeps it.
    shown = str(raised.getrepr(chain=True)) + caplog.text + repr(Webhook(webhook.url))
    assert "could not be posted to SALES_ALERT_URL" in shown
    assert WebhookServer.secret not in shown
    assert raised.value.__context__ is None


@pytest.mark.parametrize(
    "url",
    [
        "hooks.example.com/services/secret",
        "https://user:secret@hooks.example.com/",
        "https://hooks.example.com/services/secret\n",
    ],
)
def test_a_malformed_address_is_refused_without_being_shown(url: str) -> None:
    with pytest.raises(InvalidAddressError, match="SALES_ALERT_URL is invalid") as raised:
        Webhook(url)
    assert "secret" not in str(raised.value)


def test_without_the_setting_no_sensor_posts_and_with_it_one_that_runs(python: Command) -> None:
    code = (
        "from dagster._core.remote_representation.external_data import RepositorySnap\n"
        "from dagster_shared.serdes import serialize_value\n"
        "from sales_assets.definitions import defs\n"
        "print([(s.name, s.default_status.value) for s in defs.sensors if 'alert' in s.name])\n"
        "print(serialize_value(RepositorySnap.from_def(defs.get_repository_def())))\n"
    )
    assert python("-c", code).stdout.startswith("[]\n")
    url = f"https://hooks.example.com/services/{WebhookServer.secret}"
    result = python("-c", code, SALES_ALERT_URL=url)
    sensors = "[('failed_run_alerts', 'RUNNING'), ('late_day_alerts', 'STOPPED')]\n"
    assert result.stdout.startswith(sensors), result.stderr
    assert "failed_run_alerts" in result.stdout.splitlines()[1]
    assert WebhookServer.secret not in result.stdout + result.stderr
