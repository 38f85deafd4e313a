"""Converting a day from JSON to Avro: the only cases that use streams and formats themselves."""

import datetime
import itertools
import json
import tempfile
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import dagster as dg
import fastavro

from sales_assets.feed.daily import StgConfig
from sales_assets.feed.page import Page
from sales_assets.feed.stream import DayStream, PagesByDay, StreamResult
from sales_assets.sales.assets import stg_sales
from sales_assets.sales.sale import SALE
from sales_assets.sample.invented import PAGE_SIZE, sample_page
from sales_assets.storage.avro_file import AvroFile
from sales_assets.storage.json_pages import JsonPages
from sales_assets_tests.benchmark.apis import FIRST
from sales_assets_tests.benchmark.figures import Comparison, seconds

FIELDS = {"client": "string", "purchase_date": "string", "product": "string", "price": "long"}


def convert_unchecked(raw: Path, out: Path) -> None:
    """Convert a day the way one would who trusts every row."""
    fields = [{"name": name, "type": kind} for name, kind in FIELDS.items()]
    schema = fastavro.parse_schema({"type": "record", "name": "Sale", "fields": fields})
    files = JsonPages().files(raw, "sales")
    rows = (row for path in files for row in json.loads(path.read_bytes()))
    with (out / "unchecked.avro").open("wb") as file:
        fastavro.writer(file, schema, rows, codec="deflate")


def convert_checked(raw: Path, out: Path) -> None:
    """Convert a day the way `stg_sales` does."""

    def read() -> Generator[Page, None, StreamResult]:
        yield from JsonPages().read(JsonPages().files(raw, "sales"))
        return StreamResult()

    pages = PagesByDay({str(FIRST): DayStream(read)})
    streams = stg_sales(context=dg.build_asset_context(), config=StgConfig(), raw_sales=pages)
    assert isinstance(streams, dict)
    AvroFile(SALE.avro).write(streams[str(FIRST)], out, "sales")


def _different_pages() -> list[bytes]:
    days = [FIRST + datetime.timedelta(n) for n in range(1000)]
    pages = [(sample_page(day, 1) or b"", str(day).encode()) for day in days]
    return [page.replace(day, str(FIRST).encode()) for page, day in pages]


def convert(rows: int, rounds: int) -> Iterator[Comparison]:
    """Convert the same day twice, by one process or by two, as two runs at a time would."""
    with tempfile.TemporaryDirectory() as name:
        raw = Path(name)
        pages = itertools.islice(itertools.cycle(_different_pages()), rows // PAGE_SIZE)
        JsonPages().write(map(Page, pages), raw, "sales")

        def speed(action: Callable[[Path, Path], None], processes: int) -> float:
            with (
                tempfile.TemporaryDirectory() as first,
                tempfile.TemporaryDirectory() as second,
                ProcessPoolExecutor(processes) as pool,
            ):
                outs = [Path(first), Path(second)]
                return 2 * rows / seconds(lambda: list(pool.map(action, [raw, raw], outs)))

        yield Comparison(
            {
                "json.load and fastavro.writer, unchecked": partial(speed, convert_unchecked, 1),
                "stg_sales, checked and typed": partial(speed, convert_checked, 1),
                "the same by two processes": partial(speed, convert_checked, 2),
            },
            rounds,
            "rows/s",
        )
