"""The errors and the output that documents show: what the code says in one small story.

Its week of sales is the embedded API's. What differs between two runs (addresses, directories,
hashes, ids, times) is replaced.
"""

import datetime
import functools
import itertools
import json
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from sales_assets.alerts.sensors import failed_run_alerts
from sales_assets.alerts.webhook import AlertError, Webhook
from sales_assets.sales import FEED
from sales_assets.sales.assets import raw_sales, stg_sales
from sales_assets.sales.checks import SALES_CHECKS
from sales_assets.sample.faults import Faults
from sales_assets.sample.invented import sample_page
from sales_assets_tests.helpers.commands import OURS, run_python, without_settings
from sales_assets_tests.helpers.dagster_dev import copy_home
from sales_assets_tests.helpers.http_jobs_server import running_http_jobs
from sales_assets_tests.helpers.pipeline import BOTH, Pipeline, resources_of, run_feed
from sales_assets_tests.helpers.rows import days_from, page, sale
from sales_assets_tests.helpers.scripted_api import ScriptedApi
from sales_assets_tests.helpers.webhook_server import WebhookServer

WEEK = days_from("2022-08-09", 7)
_KILLED = "6d0f" * 8  # what a run worked on that is no longer there
_ADDRESS = "https://sales.example.com"


class Story:
    """A storage, a Dagster home and an API, in which one thing after the other goes wrong."""

    def __init__(self, directory: Path, api: ScriptedApi, webhook: WebhookServer) -> None:
        self.base = directory / "file_storage"
        self.api = api
        self._directory = directory
        self._webhook = webhook
        self._sensor = failed_run_alerts(Webhook(webhook.url))
        self._cursor: str | None = None
        self._home = directory / "home"
        self.forget()
        self.api.days = {day: pages_of(day) for day in WEEK}

    @property
    def instance(self) -> dg.DagsterInstance:
        """What Dagster knows."""
        return dg.DagsterInstance.from_config(str(self._home))

    def forget(self) -> None:
        """Have a Dagster home that knows nothing."""
        shutil.rmtree(self._home, ignore_errors=True)
        self._home.mkdir()
        copy_home(self._home)

    def run(self, first: str, last: str | None = None, *assets: Any, allowed: int = 0) -> str:
        """Materialize days of both assets or one; give what the run failed with, if it did."""
        resources = resources_of(FEED, self.base, self.api.url, backoff=0.001)
        selection = dg.AssetSelection.assets(*assets or BOTH)
        options: dict[str, Any] = {"allowed": allowed, "raise_on_error": False}
        with self.instance as instance:
            days = (first, last or first)
            result = run_feed(FEED, resources, instance, *days, selection, **options)
        failures = [event.step_failure_data for event in result.all_events if event.is_step_failure]
        error = failures[0].user_failure_data if failures else None
        return self.masked(error.description or "" if error else "")

    def command(self, *arguments: str) -> str:
        """Give what `sales-assets ARGUMENTS` prints."""
        environment = {
            **without_settings(os.environ),
            "DAGSTER_HOME": str(self._home),
            "BASE_DIR": str(self.base),
        }
        answer = run_python((*OURS, *arguments), self._directory, environment)
        assert answer.stdout, answer.stderr
        return self.masked(answer.stdout)

    def tick(self) -> str:
        """Have the sensor of failed runs look; give what it posts, or why it cannot."""
        with self.instance as instance:
            context = dg.build_sensor_context(instance, self._cursor, sensor_name=self._sensor.name)
            try:
                self._cursor = self._sensor.evaluate_tick(context).cursor
            except AlertError as error:
                return self.masked(str(error))
        return self.masked(self._webhook.texts[-1] if self._webhook.texts else "")

    def masked(self, text: str) -> str:
        """Replace what differs between two runs."""
        for this, that in ((self.api.url, _ADDRESS), (f"{self._directory}/", "")):
            text = text.replace(this, that)
        text = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "eba50693-e9df-499a-9345-10bd0b65b82c", text)
        return re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", "2022-08-16 01:00:21 UTC", text)


def pages_of(day: str) -> list[bytes]:
    date = datetime.date.fromisoformat(day)
    pages = (sample_page(date, number) for number in itertools.count(1))
    return [page for page in itertools.takewhile(bool, pages) if page]


@functools.cache
def samples() -> dict[str, str]:
    """Tell the story; give what was said, by the names that documents have for it."""
    said: dict[str, str] = {}
    with (
        pytest.MonkeyPatch.context() as patch,
        tempfile.TemporaryDirectory() as directory,
        ScriptedApi() as api,
        WebhookServer() as webhook,
    ):
        story = Story(Path(directory), api, webhook)
        patch.setenv("AUTH_TOKEN", "of-yesterday")
        said["refused_token"] = story.run(WEEK[0])
        patch.setenv("AUTH_TOKEN", api.token)

        story.tick()
        del api.days[WEEK[3]]
        api.fail(date=WEEK[4], status=503)
        said["failed_range"] = story.run(WEEK[0], WEEK[-1])
        webhook.statuses.append(404)
        said["refused_alert"] = story.tick()
        said["alert"] = story.tick().replace("```", "").replace("\n\n", "\n")

        story.run(WEEK[0], WEEK[2], stg_sales)
        api.days[WEEK[5]][-1] = page(
            *[sale(purchase_date=WEEK[5], price=price) for price in (1, 2, 3)]
        )
        story.run(WEEK[5], None, raw_sales)
        said["status"] = story.command("status", "--from", WEEK[0], "--to", WEEK[-1])

        good = api.days[WEEK[6]][1]
        rows = json.loads(good)
        rows[16]["price"] = str(rows[16]["price"])
        api.days[WEEK[6]][1] = page(*rows)
        said["bad_row"] = story.run(WEEK[6])
        story.run(WEEK[6], None, stg_sales, allowed=1)
        [aside] = (story.base / "quarantine").rglob("*.jsonl")
        said["quarantine"] = aside.read_text(encoding="utf-8")

        api.days = {day: pages_of(day) for day in WEEK}
        api.faults = Faults()
        story.run(WEEK[0], WEEK[-1])
        (story.base / "raw/sales" / WEEK[1] / f"sales_{WEEK[1]}_2.json").write_bytes(b"[]")
        shutil.rmtree(story.base / "stg/sales" / WEEK[2])
        (story.base / ".work" / _KILLED).mkdir()
        said["verify"] = story.command("verify")
        shutil.rmtree(story.base)
        said["lost_disk"] = story.command("verify", "--from", WEEK[5])
        story.run(WEEK[0], WEEK[-1])
        story.forget()
        said["fixed"] = story.command("verify", "--fix")

        with running_http_jobs(Path(directory), SALES_API_URL="sample") as jobs:
            jobs.raw(WEEK[0])
            said["http_job"] = story.masked(jobs.stg(WEEK[0]).text)
    return said


@functools.cache
def checks() -> str:
    """Make a table of all checks, with what each says of a day that it finds wrong."""
    with (
        pytest.MonkeyPatch.context() as patch,
        tempfile.TemporaryDirectory() as directory,
        ScriptedApi() as api,
        dg.DagsterInstance.ephemeral() as instance,
    ):
        patch.setenv("AUTH_TOKEN", api.token)
        pipeline = Pipeline(api, Path(directory), instance)
        days = days_from(WEEK[0], 22)
        api.days = {day: pages_of(day) for day in days}
        short, wider, nameless, damaged, shrunk, *_, few = days[1:]
        api.days[short][1] = page(*json.loads(api.days[short][1])[:61])
        api.days[wider] = [page(sale(purchase_date=wider, unknown_field="red"))]
        api.days[nameless] = [page(sale(purchase_date=nameless, client=""))]
        api.days[few] = api.days[few][-1:]
        found = pipeline.run(days[0], days[-1])
        (pipeline.raw(damaged) / f"sales_{damaged}_1.json").write_bytes(b"[]")
        del api.days[shrunk][-1]
        pipeline.run(shrunk, selection=dg.AssetSelection.assets(raw_sales).without_checks())
        found["raw_sales_is_as_recorded"] = pipeline.check(damaged)["raw_sales_is_as_recorded"]
        found["stg_sales_is_as_recorded"] = pipeline.check(shrunk)["stg_sales_is_as_recorded"]
    rows = ["| check | what it says | of a day that is wrong |\n", "| --- | --- | --- |\n"]
    for spec in (spec for check in SALES_CHECKS for spec in check.check_specs):
        asset = spec.asset_key.to_user_string()
        promise = (spec.description or "").splitlines()[0]
        [*_, wrong] = [one for one in found[f"{asset}_{spec.name}"].values() if not one.passed]
        kind = "warning: " * (wrong.severity == dg.AssetCheckSeverity.WARN)
        star = "*" * spec.blocking
        rows.append(
            f"| `{asset}`: `{spec.name}`{star} | {promise} | {kind}`{wrong.description}` |\n"
        )
    return "".join(rows)
