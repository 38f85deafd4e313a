"""What the pipeline costs, against Dagster's floor and against naive code, side by side.

    python -m sales_assets_tests.benchmark run [NAME ...] [--rounds N] [--markdown FILE]

The cases of a name alternate for some rounds; what is shown are medians and the ratio to the first
case. No shared machine is quiet: a ratio of one run says something, a time says little.
"""

import datetime
import functools
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import click
import fastavro
from upath import UPath

from sales_assets.day_stream import DayStream, PagesByDay
from sales_assets.formats import AvroFile, JsonPages
from sales_assets.sales import StgSalesConfig, stg_sales
from sales_assets.sales_api import SalesApi
from sales_assets.sales_record import SALES_SCHEMA
from sales_assets.sample_api import Answer, SampleApi
from sales_assets.sample_faults import Fault, Faults
from sales_assets.sample_sales import PAGE_SIZE, sample_page

FIRST = datetime.date(2022, 8, 9)
OURS = ("sales_assets.definitions", "raw_sales,stg_sales")
FLOOR = ("sales_assets_tests.empty_assets", "first,second")
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


def materialize(what: tuple[str, str], days: int, url: str) -> float:
    """Run `dagster asset materialize` on a new instance and a new storage.

    Returns:
        Its peak memory in MB.
    """
    module, selection = what
    last = FIRST + datetime.timedelta(days=days - 1)
    span = ["--partition", str(FIRST)] if days == 1 else ["--partition-range", f"{FIRST}...{last}"]
    with tempfile.TemporaryDirectory() as home:
        (Path(home) / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
        settings = {"DAGSTER_HOME": home, "BASE_DIR": f"{home}/storage", "SALES_API_URL": url}
        command = ["-m", "dagster", "asset", "materialize", "-m", module, "--select", selection]
        process = subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, *command, *span],
            env={**os.environ, **settings, "AUTH_TOKEN": "benchmark"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0, f"{command} failed"
        return usage.ru_maxrss / 1024


def days_against_floor(days: int, latency: float, rounds: int) -> Iterator[Benchmark]:
    with server(latency=latency) as url:
        materialize(OURS, days, url)  # has the server make its pages
        yield Benchmark(
            {
                "two empty assets": lambda: timed(lambda: materialize(FLOOR, days, url)),
                "raw_sales and stg_sales": lambda: timed(lambda: materialize(OURS, days, url)),
            },
            rounds,
        )


def run_per_day(days: int) -> Iterator[Benchmark]:
    def one_by_one(url: str) -> None:
        for _ in range(days):
            materialize(OURS, 1, url)

    with server() as url:
        yield Benchmark(
            {
                "one run for all": lambda: timed(lambda: materialize(OURS, days, url)),
                "a run for each day": lambda: timed(lambda: one_by_one(url)),
            },
            1,
        )


def convert(rows: int, rounds: int) -> Iterator[Benchmark]:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        raw = directory / "raw"
        raw.mkdir()
        made = functools.cache(lambda page: sample_page(FIRST, page, 10**9) or b"")
        pages = range(rows // PAGE_SIZE)
        JsonPages().write((made(page % 1000 + 1) for page in pages), raw, "sales")
        files = JsonPages().files(UPath(raw), "sales")

        def naive() -> None:
            def read() -> Iterator[object]:
                for path in files:
                    with Path(str(path)).open() as file:
                        yield from json.load(file)

            with (directory / "naive.avro").open("wb") as file:
                schema = fastavro.parse_schema(NAIVE_SCHEMA)
                fastavro.writer(file, schema, read(), codec="deflate")

        def ours() -> None:
            pages_of_day = DayStream(lambda: JsonPages().read(files))
            streams = stg_sales(
                config=StgSalesConfig(), raw_sales=PagesByDay({str(FIRST): pages_of_day})
            )
            assert isinstance(streams, dict)
            out = directory / "out"
            out.mkdir(exist_ok=True)
            AvroFile(SALES_SCHEMA).write(streams[str(FIRST)], out, "sales")

        def speed(action: Callable[[], object]) -> Figure:
            started = time.process_time()
            action()
            return Figure(rows / (time.process_time() - started), "rows/s of CPU time")

        cases: dict[str, Case] = {
            "json.load and fastavro.writer, unchecked": lambda: speed(naive),
            "checked and typed": lambda: speed(ours),
        }
        yield Benchmark(cases, rounds)


def memory(*sizes: int) -> Iterator[Benchmark]:
    def peak(rows: int) -> Figure:
        with server(rows) as url:
            return Figure(materialize(OURS, 1, url), "MB at most")

    yield Benchmark({f"a day of {rows:,} rows": partial(peak, rows) for rows in sizes}, 1)


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
            client._connect(api.url, api.token)
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
    "convert-1m": partial(convert, 1_000_000, 3),
    "convert-10m": partial(convert, 10_000_000, 1),
    "memory": partial(memory, 338, 100_000, 1_000_000, 10_000_000),
    "in-vain": in_vain,
}


def rows_of(name: str, rounds: int | None) -> Iterator[str]:
    """Run a benchmark; give the rows of its table."""
    for benchmark in BENCHMARKS[name]():
        figures: dict[str, list[Figure]] = {case: [] for case in benchmark.cases}
        for _ in range(rounds or benchmark.rounds):
            for case, measure in benchmark.cases.items():
                figures[case].append(measure())
        values = {case: [figure.value for figure in all_of] for case, all_of in figures.items()}
        first = next(iter(values.values()))
        for case, measured in values.items():
            pairs = [one / base for one, base in zip(measured, first, strict=True) if base]
            ratio = f"{statistics.median(pairs):.2f}" if pairs else ""
            unit = figures[case][0].unit
            yield (
                f"| {name} | {case} | {statistics.median(measured):,.4g} {unit} "
                f"| {ratio} | {len(measured)} |"
            )


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
    for name in names or BENCHMARKS:
        for row in rows_of(name, rounds):
            click.echo(row)
            lines.append(row)
    if markdown:
        markdown.write_text("\n".join(lines) + "\n")


@main.command("serve", hidden=True)
@click.argument("rows", type=int)
@click.argument("latency", type=float)
def serve_command(rows: int, latency: float) -> None:
    """Be the server."""
    serve(rows, latency)


if __name__ == "__main__":
    main()
