"""What the pipeline costs, against Dagster's floor and against naive code, side by side.

    python -m sales_assets_tests.benchmark run [NAME ...] [--rounds N] [--markdown FILE]

The cases of a name alternate for some rounds; what is shown are medians, the median ratio to the
first case, and how the cost grows with days and rows (a Mermaid chart). No shared machine is quiet:
a ratio of one run says something, a time says little.
"""

import datetime
import functools
import itertools
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import click
import fastavro

from sales_assets.feed.stream import DayStream, PagesByDay
from sales_assets.http.tokens import TokenAuth
from sales_assets.sales.api import SalesApi
from sales_assets.sales.assets import StgConfig, stg_sales
from sales_assets.sales.sale import SALE
from sales_assets.sample.api import Answer, SampleApi
from sales_assets.sample.faults import Fault, Faults
from sales_assets.sample.sales import PAGE_SIZE, sample_page
from sales_assets.storage.avro_file import AvroFile
from sales_assets.storage.json_pages import JsonPages
from sales_assets_tests.helpers.dagster_dev import dagster_dev, make_home
from sales_assets_tests.helpers.waiting import wait_for

FIRST = datetime.date(2022, 8, 9)
FLOOR = ("sales_assets_tests.benchmark.empty_assets", "first,second")
OURS = ("sales_assets_tests.benchmark.unchecked_assets", "raw_sales,stg_sales")
CHECKED = ("sales_assets.definitions", "raw_sales,stg_sales")
NAIVE_SCHEMA = {
    "type": "record",
    "name": "Sale",
    "fields": [
        {"name": "client", "type": "string"},
        {"name": "purchase_date", "type": "string"},
        {"name": "product", "type": "string"},
        {"name": "price", "type": "long"},
    ],
}


class Figure(NamedTuple):
    """One figure of one case: what was measured, and in what unit."""

    value: float
    unit: str = "s"


Case = Callable[[], Figure]


class Benchmark(NamedTuple):
    """Some cases to be compared with the first of them."""

    cases: dict[str, Case]
    rounds: int


class Row(NamedTuple):
    """A line of the table: the median of a case, and that of its ratios to the first case."""

    benchmark: str
    case: str
    figure: Figure
    ratio: float | None
    rounds: int

    def __str__(self) -> str:
        """The line as Markdown."""
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        figure = f"{self.figure.value:,.4g} {self.figure.unit}"
        return f"| {self.benchmark} | {self.case} | {figure} | {ratio} | {self.rounds} |"


class Cost(NamedTuple):
    """What a process cost: seconds of wall time, and megabytes at the most."""

    seconds: float
    megabytes: float


def timed(action: Callable[[], object]) -> Figure:
    started = time.perf_counter()
    action()
    return Figure(time.perf_counter() - started)


@contextmanager
def server(rows: int | None = None, latency: float = 0) -> Iterator[str]:
    """Run the sample API in a process of its own, with its pages made in advance.

    Args:
        rows: Rows of every day; those of the sample API unless given.
        latency: Seconds before each answer.

    Yields:
        Its address; its token is `benchmark`.
    """
    command = [sys.executable, "-m", "sales_assets_tests.benchmark", "serve"]
    with subprocess.Popen(  # noqa: S603 - our own command
        [*command, str(rows or 0), str(latency)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


def serve(rows: int, latency: float) -> None:
    """Be that server."""
    made = functools.cache(lambda day, page: sample_page(day, page, rows or None))
    one = made(FIRST, 1)

    def page(day: datetime.date, number: int) -> bytes | None:
        if not rows:
            return made(day, number)
        # Days of many rows: full pages that differ in their first price alone.
        if number > rows // PAGE_SIZE:
            return None
        return one.replace(b'"price": ', b'"price": %d' % number, 1) if one else None

    faults = Faults([Fault(delay=latency)]) if latency else None
    with SampleApi("benchmark", page, faults=faults) as api:
        click.echo(api.url)
        sys.stdout.flush()
        while True:
            time.sleep(60)


def materialize(what: tuple[str, str], days: int, url: str, options: Sequence[str] = ()) -> Cost:
    """Run `dagster asset materialize` on a new instance and a new storage."""
    module, selection = what
    last = FIRST + datetime.timedelta(days=days - 1)
    span = ["--partition", str(FIRST)] if days == 1 else ["--partition-range", f"{FIRST}...{last}"]
    with tempfile.TemporaryDirectory() as home:
        (Path(home) / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
        settings = {"DAGSTER_HOME": home, "BASE_DIR": f"{home}/storage", "SALES_API_URL": url}
        command = ["-m", "dagster", "asset", "materialize", "-m", module, "--select", selection]
        started = time.perf_counter()
        process = subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, *command, *span, *options],
            env={**os.environ, **settings, "AUTH_TOKEN": "benchmark"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0, f"{command} failed"
        return Cost(seconds, usage.ru_maxrss / 1024)


def days_against_floor(days: int, latency: float, rounds: int) -> Iterator[Benchmark]:
    with server(latency=latency) as url:
        materialize(OURS, days, url)  # has the server make its pages

        def seconds(what: tuple[str, str], *options: str) -> Figure:
            return Figure(materialize(what, days, url, options).seconds)

        cases: dict[str, Case] = {
            "two empty assets": partial(seconds, FLOOR),
            "raw_sales and stg_sales": partial(seconds, OURS),
            "both with their checks": partial(seconds, CHECKED),
        }
        if latency:
            more = {"resources": {"sales_api": {"config": {"url": url, "max_in_flight": 32}}}}
            options = ("--config-json", json.dumps(more))
            cases["both, 32 requests at a time"] = partial(seconds, OURS, *options)
        yield Benchmark(cases, rounds)


def run_per_day(days: int) -> Iterator[Benchmark]:
    def one_by_one(url: str) -> None:
        for _ in range(days):
            materialize(OURS, 1, url)

    with server() as url:
        yield Benchmark(
            {
                f"one run for {days} days": lambda: timed(lambda: materialize(OURS, days, url)),
                "a run for each of them": lambda: timed(lambda: one_by_one(url)),
            },
            1,
        )


def from_the_ui(days: int, rounds: int) -> Iterator[Benchmark]:
    partitions = [f"{FIRST + datetime.timedelta(days=n)}" for n in range(days)]

    def backfill(url: str) -> Figure:
        with tempfile.TemporaryDirectory() as home:
            settings = {
                "DAGSTER_HOME": str(make_home(Path(home))),
                "BASE_DIR": f"{home}/storage",
                "SALES_API_URL": url,
                "AUTH_TOKEN": "benchmark",
            }
            with dagster_dev({**os.environ, **settings}) as dev:
                tag = {"key": "dagster/backfill", "value": dev.backfill(partitions)}
                [run] = wait_for("the backfill", lambda: dev.finished(tags=[tag]), 600)
        assert run["status"] == "SUCCESS"
        return Figure(run["stats"]["endTime"] - run["stats"]["startTime"])

    with server() as url:
        yield Benchmark(
            {
                "command line": lambda: Figure(materialize(CHECKED, days, url).seconds),
                "the run of a backfill from the UI": lambda: backfill(url),
            },
            rounds,
        )


def convert_unchecked(raw: Path, out: Path) -> None:
    """Convert a day the way one would who trusts every row."""

    def rows() -> Iterator[object]:
        for path in JsonPages().files(raw, "sales"):
            with Path(str(path)).open() as file:
                yield from json.load(file)

    with (out / "unchecked.avro").open("wb") as file:
        fastavro.writer(file, fastavro.parse_schema(NAIVE_SCHEMA), rows(), codec="deflate")


def convert_checked(raw: Path, out: Path) -> None:
    """Convert a day the way `stg_sales` does."""
    pages = DayStream(lambda: JsonPages().read(JsonPages().files(raw, "sales")))
    streams = stg_sales(config=StgConfig(), raw_sales=PagesByDay({str(FIRST): pages}))
    assert isinstance(streams, dict)
    AvroFile(SALE.avro).write(streams[str(FIRST)], out, "sales")


def convert(rows: int, rounds: int) -> Iterator[Benchmark]:
    """Convert the same day twice, by one process or by two, as two runs at a time would."""
    days = 2

    def speed(action: Callable[[Path, Path], None], processes: int) -> Figure:
        started = time.perf_counter()
        with ProcessPoolExecutor(processes) as pool, tempfile.TemporaryDirectory() as name:
            outs = [Path(name) / str(day) for day in range(days)]
            for out in outs:
                out.mkdir()
            list(pool.map(action, [raw] * days, outs))
        return Figure(days * rows / (time.perf_counter() - started), "rows/s")

    with tempfile.TemporaryDirectory() as name:
        raw = Path(name)
        made = functools.cache(lambda page: sample_page(FIRST, page, 10**9) or b"")
        pages = (made(page % 1000 + 1) for page in range(rows // PAGE_SIZE))
        JsonPages().write(pages, raw, "sales")
        yield Benchmark(
            {
                "json.load and fastavro.writer, unchecked": partial(speed, convert_unchecked, 1),
                "stg_sales, checked and typed": partial(speed, convert_checked, 1),
                "the same by two processes": partial(speed, convert_checked, 2),
            },
            rounds,
        )


def rows_a_day(*sizes: int) -> Iterator[Benchmark]:
    @functools.cache
    def cost(rows: int) -> Cost:
        with server(rows) as url:
            return materialize(OURS, 1, url)

    def seconds(rows: int) -> Figure:
        return Figure(cost(rows).seconds)

    def memory(rows: int) -> Figure:
        return Figure(cost(rows).megabytes, "MB at most")

    for measure in (seconds, memory):
        yield Benchmark({f"a day of {rows:,} rows": partial(measure, rows) for rows in sizes}, 1)


def in_vain() -> Iterator[Benchmark]:
    def count(max_in_flight: int) -> Figure:
        asked = 0

        class Counting(SampleApi):
            def answer(self, path: str, headers: Mapping[str, str]) -> Answer:
                nonlocal asked
                asked += 1
                return super().answer(path, headers)

        with Counting("benchmark") as api:
            client = SalesApi(url=api.url, max_in_flight=max_in_flight)
            client._connect(api.url, TokenAuth(api.token))
            pages = len(list(client.pages(str(FIRST))))
            return Figure(asked - pages - 2, "requests in vain")

    yield Benchmark({f"max_in_flight {n}": partial(count, n) for n in (1, 2, 8, 64)}, 1)


BENCHMARKS: dict[str, Callable[[], Iterator[Benchmark]]] = {
    "one-day": partial(days_against_floor, 1, 0, 5),
    "31-days": partial(days_against_floor, 31, 0, 5),
    "31-days-50-ms": partial(days_against_floor, 31, 0.05, 3),
    "120-days": partial(days_against_floor, 120, 0, 3),
    "120-days-50-ms": partial(days_against_floor, 120, 0.05, 3),
    "365-days": partial(days_against_floor, 365, 0, 3),
    "365-days-50-ms": partial(days_against_floor, 365, 0.05, 3),
    "run-per-day": partial(run_per_day, 7),
    "365-days-from-the-ui": partial(from_the_ui, 365, 3),
    "convert-1m": partial(convert, 1_000_000, 3),
    "convert-10m": partial(convert, 10_000_000, 1),
    "rows-a-day": partial(rows_a_day, 338, 100_000, 1_000_000, 10_000_000),
    "in-vain": in_vain,
}


def rows_of(name: str, rounds: int | None) -> Iterator[Row]:
    """Run a benchmark; give the rows of its table."""
    for benchmark in BENCHMARKS[name]():
        figures: dict[str, list[Figure]] = {case: [] for case in benchmark.cases}
        for _ in range(rounds or benchmark.rounds):
            for case, measure in benchmark.cases.items():
                figures[case].append(measure())
        values = {case: [figure.value for figure in all_of] for case, all_of in figures.items()}
        first = next(iter(values.values()))
        for case, measured in values.items():
            ratios = [one / base for one, base in zip(measured, first, strict=True) if base]
            figure = Figure(statistics.median(measured), figures[case][0].unit)
            ratio = statistics.median(ratios) if ratios else None
            yield Row(name, case, figure, ratio, len(measured))


def charts(rows: Sequence[Row]) -> Iterator[str]:
    """Draw how cost grows, of those rows that say it."""
    spans = {f"{days}-days": days for days in (31, 120, 365)} | {"one-day": 1}
    by_case: dict[str, dict[int, float]] = {}
    for row in rows:
        if row.benchmark in spans:
            by_case.setdefault(row.case, {})[spans[row.benchmark]] = row.figure.value
    if by_case:
        yield from chart("Seconds over days of a range", by_case)
    sizes = [row for row in rows if row.benchmark == "rows-a-day"]
    for unit, same in itertools.groupby(sizes, key=lambda row: row.figure.unit):
        line = {int(row.case.split()[3].replace(",", "")): row.figure.value for row in same}
        what = "Seconds" if unit == "s" else unit
        yield from chart(f"{what} over rows of a day", {"raw_sales and stg_sales": line})


def chart(title: str, lines: Mapping[str, Mapping[int, float]]) -> Iterator[str]:
    """Draw a chart as GitHub and others show it (https://mermaid.js.org/syntax/xyChart.html)."""
    places = sorted(next(iter(lines.values())))
    yield from ("", f"{title}: {', '.join(lines)}", "", "```mermaid", "xychart-beta")
    yield f"    x-axis {places}"
    for values in lines.values():
        yield f"    line {[round(values[place], 1) for place in places]}"
    yield "```"


@click.group(invoke_without_command=False)
def main() -> None:
    """Measure, or be the server that is measured against."""


@main.command("run")
@click.argument("names", nargs=-1, type=click.Choice(list(BENCHMARKS)))
@click.option("--rounds", type=click.IntRange(1), help="How often; each case has its default.")
@click.option("--markdown", type=click.Path(path_type=Path), help="Write the table here, too.")
def run(names: tuple[str, ...], rounds: int | None, markdown: Path | None) -> None:
    """Run these benchmarks, or all, and print a table."""
    lines = [
        f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}, "
        + ", ".join(f"{name} {version(name)}" for name in ("dagster", "fastavro", "pydantic")),
        "",
        "| benchmark | case | median | ratio to the first | rounds |",
        "| --- | --- | --- | --- | --- |",
    ]
    click.echo("\n".join(lines))
    rows: list[Row] = []
    for name in names or BENCHMARKS:
        for row in rows_of(name, rounds):
            click.echo(str(row))
            rows.append(row)
    if markdown:
        lines += [*map(str, rows), *charts(rows)]
        markdown.write_text("\n".join(lines) + "\n")


@main.command("serve", hidden=True)
@click.argument("rows", type=int)
@click.argument("latency", type=float)
def serve_command(rows: int, latency: float) -> None:
    """Be the server."""
    serve(rows, latency)


if __name__ == "__main__":
    main()
