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
from sales_assets_tests.benchmark.figures import Comparison, seconds
from sales_assets_tests.helpers.rows import DAY

ROWS = 1_000_000
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

    pages = PagesByDay({DAY: DayStream(read)})
    streams = stg_sales(context=dg.build_asset_context(), config=StgConfig(), raw_sales=pages)
    assert isinstance(streams, dict)
    AvroFile(SALE.avro).write(streams[DAY], out, "sales")


def convert() -> Iterator[Comparison]:
    """Convert the same day twice, by one process or by two, as two runs at a time would."""
    first = datetime.date.fromisoformat(DAY)
    days = [first + datetime.timedelta(n) for n in range(1000)]
    pages = [(sample_page(day, 1) or b"").replace(f"{day}".encode(), DAY.encode()) for day in days]
    with tempfile.TemporaryDirectory() as name:
        raw = Path(name)
        many = itertools.islice(itertools.cycle(pages), ROWS // PAGE_SIZE)
        JsonPages().write(map(Page, many), raw, "sales")

        def speed(action: Callable[[Path, Path], None], processes: int) -> float:
            with (
                tempfile.TemporaryDirectory() as first,
                tempfile.TemporaryDirectory() as second,
                ProcessPoolExecutor(processes) as pool,
            ):
                outs = [Path(first), Path(second)]
                return 2 * ROWS / seconds(lambda: list(pool.map(action, [raw, raw], outs)))

        yield Comparison(
            {
                "json.load and fastavro.writer, unchecked": partial(speed, convert_unchecked, 1),
                "stg_sales, checked and typed": partial(speed, convert_checked, 1),
                "the same by two processes": partial(speed, convert_checked, 2),
            },
            3,
            "rows/s",
        )
