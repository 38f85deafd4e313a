"""The command line of the benchmarks."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import click

from sales_assets_tests.benchmark import apis, report
from sales_assets_tests.benchmark.conversion import convert
from sales_assets_tests.benchmark.figures import Benchmark, Row
from sales_assets_tests.benchmark.http_jobs import side_by_side
from sales_assets_tests.benchmark.pace import in_vain, limited_api, one_at_a_time_api
from sales_assets_tests.benchmark.ranges import days_against_floor, on_postgres
from sales_assets_tests.benchmark.workers import on_workers

BENCHMARKS: dict[str, Callable[[], Iterator[Benchmark]]] = {
    "one-day": partial(days_against_floor, 1, 0, 5),
    "365-days": partial(days_against_floor, 365, 0, 3),
    "365-days-50-ms": partial(days_against_floor, 365, 0.05, 3),
    "365-days-on-postgres": partial(on_postgres, 365, 3),
    "ten-at-a-time-api": limited_api,
    "one-at-a-time-api": one_at_a_time_api,
    "in-vain": in_vain,
    "40-http-jobs-50-ms": partial(side_by_side, 40, 0.05, 3),
    "90-days-on-workers-1-s": partial(on_workers, 90, 1),
    "convert-1m": partial(convert, 1_000_000, 3),
    "convert-10m": partial(convert, 10_000_000, 1),
}


@click.group(invoke_without_command=False)
def main() -> None:
    """Measure, or be the server that is measured against."""


@main.command("run")
@click.argument("names", nargs=-1, type=click.Choice(list(BENCHMARKS)))
@click.option("--rounds", type=click.IntRange(1), help="How often; each case has its default.")
@click.option(
    "--write",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Write the figures into this document, between its marks.",
)
def run(names: tuple[str, ...], rounds: int | None, write: Path | None) -> None:
    """Run these benchmarks, or all, and print a table."""
    click.echo("\n".join(report.head()))
    rows: list[Row] = []
    for name in names or BENCHMARKS:
        for benchmark in BENCHMARKS[name]():
            for row in benchmark.rows(name, rounds):
                click.echo(str(row))
                rows.append(row)
        if write:
            report.write(write, rows, list(BENCHMARKS))


@main.command("serve", hidden=True)
@click.argument("rows", type=int)
@click.argument("latency", type=float)
def serve(rows: int, latency: float) -> None:
    """Be the server."""
    apis.serve(rows, latency)


if __name__ == "__main__":
    main()
