"""The UI as a person sees it: `dagster dev` on the sample API, in a real browser.

`pytest -m browser` runs this; with the environment variable SCREENSHOTS, which names a directory,
each test leaves a picture of what it saw last there.
"""

import datetime
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fastavro
import pytest

pytest.importorskip("playwright.sync_api", reason="needs the extra `browser`")

from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from sales_assets.sales.sale import SALE
from sales_assets.sample.api import SampleApi
from sales_assets_tests.helpers.dagster_dev import DagsterUi, dagster_dev, settings_of
from sales_assets_tests.helpers.programs import wait_for
from sales_assets_tests.helpers.webhook_server import WebhookServer

pytestmark = pytest.mark.browser

BACKFILLED = 3

each_asset = pytest.mark.parametrize("asset", ["raw_sales", "stg_sales"])


@pytest.fixture(scope="module")
def days() -> list[str]:
    """The partitions, oldest first; few, as the UI at first shows the last ones only."""
    today = datetime.datetime.now(datetime.timezone.utc).date()
    return [f"{today - datetime.timedelta(days=n)}" for n in range(30, 0, -1)]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The DAGSTER_HOME, which has the storage in it."""
    return tmp_path_factory.mktemp("dagster_home")


@pytest.fixture(scope="module")
def webhook() -> Iterator[WebhookServer]:
    with WebhookServer() as server:
        yield server


@pytest.fixture(scope="module")
def dev(days: list[str], home: Path, webhook: WebhookServer) -> Iterator[DagsterUi]:
    with SampleApi() as api:
        settings = {"SALES_START_DATE": days[0], "SALES_ALERT_URL": webhook.url}
        with dagster_dev(settings_of(home, api, **settings)) as server:
            yield server


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, headless, with a profile of its own, and with no way to any other machine."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.fail("there is no chromium: apt-get install --no-install-recommends chromium")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=chromium,
            args=[
                "--no-sandbox",  # Chromium has none for root.
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            ],
        )
        # Runs wait in a queue first, and the daemon looks after backfills every half minute.
        expect.set_options(timeout=90_000)
        yield running
        running.close()


@pytest.fixture(scope="module")
def stored(dev: DagsterUi, days: list[str]) -> list[str]:
    """Days that are materialized, in one run."""
    first, *_, last = stored = days[:-BACKFILLED]
    run_id = dev.launch(asset_partition_range_start=first, asset_partition_range_end=last)
    [run] = dev.ended(runIds=[run_id])
    assert run["status"] == "SUCCESS"
    return stored


@pytest.fixture(scope="module")
def failed(dev: DagsterUi, days: list[str], home: Path) -> str:
    """A day that could not be stored, as something lay in its way; that is gone since."""
    day = days[-2]
    obstacle = home / "storage/raw/sales" / day
    obstacle.parent.mkdir(parents=True, exist_ok=True)
    obstacle.write_text("not a directory")
    run_id = dev.launch(partition=day)
    [run] = dev.ended(runIds=[run_id])
    assert run["status"] == "FAILURE"
    obstacle.unlink()
    return day


@pytest.fixture(scope="module")
def late(dev: DagsterUi, webhook: WebhookServer) -> str:
    """The first day that was due when nobody had stored it; the alert has been posted."""
    dev.switch_on("late_day_alerts")

    def alert() -> str | None:
        return next((text for text in webhook.texts if text.startswith("Late:")), None)

    days = re.findall(r"stg_sales has no ([\d-]+), which was due", wait_for("the alert", alert))
    return str(days[0])


@pytest.fixture(scope="module")
def backfill(
    browser: Browser, dev: DagsterUi, days: list[str], stored: list[str], failed: str, late: str
) -> str:
    """The page of a backfill that was launched by clicking; it goes on while other tests run."""
    with browser.new_context(base_url=dev.url) as window:
        page = window.new_page()
        launch(page, f"[{days[-BACKFILLED]}...{days[-1]}]", "Launch backfill")
        page.wait_for_url("**/runs/b/*")
        return str(page.url)


@pytest.fixture
def complete(page: Page, stored: list[str], backfill: str) -> None:
    page.goto(backfill)
    expect(page.get_by_text("100% completed")).to_have_count(2)


@pytest.fixture
def page(browser: Browser, dev: DagsterUi, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page in a window that remembers nothing of the other tests."""
    with browser.new_context(
        base_url=dev.url, viewport={"width": 1320, "height": 800}, timezone_id="UTC"
    ) as window:
        page = window.new_page()
        yield page
        if directory := os.environ.get("SCREENSHOTS"):
            picture = Path(directory) / f"{request.node.name}.png"
            page.screenshot(path=picture, animations="disabled")


def launch(page: Page, partitions: str, button: str) -> None:
    """Click through the dialog that materializes a group, and on to what was launched."""
    page.goto("/locations/sales_assets.definitions/asset-groups/sales")
    page.get_by_role("button", name="Materialize all").click()
    dialog = page.get_by_role("dialog")
    field = dialog.get_by_role("textbox").first
    field.fill(partitions)
    field.press("Enter")
    dialog.get_by_role("button", name=button).click()
    page.get_by_role("link", name="View", exact=True).click()


def row(page: Page, name: str) -> Locator:
    """Find the row of a table by the text of its first cell."""
    return page.get_by_role("row").filter(has=page.get_by_role("cell", name=name, exact=True).first)


def test_a_backfill_is_launched_by_clicking(page: Page, backfill: str, days: list[str]) -> None:
    page.goto(backfill)
    expect(page.get_by_text(f"{days[-BACKFILLED]}...{days[-1]}")).to_be_visible()


def test_a_day_is_materialized_by_clicking(page: Page, days: list[str], stored: list[str]) -> None:
    launch(page, days[-1], "Launch 1 run")
    expect(page.get_by_text("Success", exact=True)).to_be_visible()
    page.goto(f"/assets/stg_sales?view=partitions&partition={days[-1]}")
    expect(page.get_by_text("Materialized", exact=True)).to_be_visible()


def test_a_partition_shows_what_was_recorded_of_it(
    page: Page, stored: list[str], home: Path
) -> None:
    day = stored[7]
    directory = home / "storage/stg/sales" / day
    with (directory / f"sales_{day}.avro").open("rb") as file:
        sales: list[Any] = list(fastavro.reader(file))
    page.goto(f"/assets/stg_sales?view=partitions&partition={day}")
    facts = {
        "dagster/row_count": len(sales),
        "price_sum": sum(sale["price"] for sale in sales),
        "path": directory,
        "rejected_rows": 0,
    }
    for name, value in facts.items():
        expect(row(page, name)).to_contain_text(str(value))


@each_asset
def test_an_asset_shows_what_its_columns_mean(page: Page, asset: str) -> None:
    page.goto(f"/assets/{asset}?view=overview")
    for field in SALE.avro["fields"]:
        expect(page.get_by_text(field["doc"])).to_be_visible()


@each_asset
def test_a_check_shows_each_day_and_none_that_was_skipped(
    page: Page, complete: None, days: list[str], asset: str
) -> None:
    page.goto(f"/assets/{asset}?view=checks&checkDetail=is_as_recorded")
    # The asset has such a tab, too, which is a link.
    page.locator("button[role=tab]").filter(has_text="Partitions").click()
    expect(page.get_by_text(f"Passed ({len(days)})")).to_be_visible()
    expect(page.get_by_text("Skipped (0)")).to_be_visible()


def test_a_day_that_failed_says_why_and_what_to_run(page: Page, failed: str) -> None:
    page.goto(f"/assets/raw_sales?view=partitions&partition={failed}")
    page.get_by_role("button", name=re.compile("historical events")).click()
    page.get_by_role("row").filter(has_text="Observation").get_by_text(failed).click()
    expect(page.get_by_text("This day could not be stored")).to_be_visible()
    expect(page.get_by_role("dialog").get_by_text(f"--partition {failed}")).to_be_visible()


def test_a_late_day_is_told_and_the_sensor_says_so(page: Page, late: str) -> None:
    page.goto("/locations/sales_assets.definitions/sensors/late_day_alerts")
    page.get_by_role("button", name="0 runs requested").last.click()
    expect(page.get_by_text(f"posted an alert: Late: stg_sales has no {late}")).to_be_visible()


def test_the_plots_show_rows_and_prices_by_day(page: Page, stored: list[str]) -> None:
    page.goto("/assets/stg_sales?view=overview")
    page.get_by_role("button", name="Plots").click()
    for name in ("dagster/row_count", "price_sum"):
        expect(page.get_by_text(name, exact=True)).to_be_visible()
    page.get_by_text("price_sum", exact=True).scroll_into_view_if_needed()


def test_the_ui_asks_no_other_machine_for_anything(page: Page, dev: DagsterUi) -> None:
    asked: set[str] = set()
    page.on("request", lambda request: asked.add(request.url))
    page.goto("/overview")
    expect(page.get_by_text("sales_assets.definitions")).to_be_visible()
    assert [url for url in asked if not url.startswith((dev.url, "data:", "blob:"))] == []


def test_a_group_with_all_of_its_days_says_so(page: Page, complete: None) -> None:
    page.goto("/locations/sales_assets.definitions/asset-groups/sales")
    expect(page.get_by_text("100% filled")).to_have_count(2)
    expect(page.get_by_text("2 / 2 Passed")).to_be_visible()
    expect(page.get_by_text("4 / 4 Passed")).to_be_visible()
