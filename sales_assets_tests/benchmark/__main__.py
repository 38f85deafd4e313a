"""The command line of the benchmarks."""

import os
import platform
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import version

import click

from sales_assets_tests.benchmark import apis, ranges
from sales_assets_tests.benchmark.conversion import convert
from sales_assets_tests.benchmark.figures import Comparison
from sales_assets_tests.benchmark.workers import on_workers

BENCHMARKS: dict[str, Callable[[], Iterator[Comparison]]] = {
    "one-day": partial(ranges.days_against_floor, 1, 0, 5),
    "365-days": partial(ranges.days_against_floor, 365, 0, 3),
    "365-days-50-ms": partial(ranges.days_against_floor, 365, 0.05, 3),
    "365-days-on-postgres": partial(ranges.on_postgres, 365, 3),
    # For long enough to make up for a pause.
    "ten-at-a-time-api": partial(ranges.limits, apis.LimitedApi, 240, 10, 8, 16, None),
    "one-at-a-time-api": partial(ranges.limits, apis.OneAtATimeApi, 60, 1, 8, None),
    "40-http-jobs-50-ms": ranges.http_jobs,
    "90-days-on-workers-1-s": on_workers,
    "convert-1m": convert,
}


@click.group()
def main() -> None:
    """Measure, or be the server that is measured against."""


@main.command()
@click.argument("names", nargs=-1, type=click.Choice(list(BENCHMARKS)))
@click.option("--rounds", type=click.IntRange(1), help="How often; each case has its default.")
def run(names: tuple[str, ...], rounds: int | None) -> None:
    """Run these benchmarks, or all, and print a table."""
    machine = f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
    versions = [f"{name} {version(name)}" for name in ("dagster", "fastavro", "pydantic")]
    click.echo(f"{', '.join([machine, *versions])}:\n")
    click.echo("| benchmark | case | median | ratio to the first | rounds |")
    click.echo("| --- | --- | --- | --- | --- |")
    for name in names or BENCHMARKS:
        for comparison in BENCHMARKS[name]():
            for line in comparison.lines(name, rounds):
                click.echo(line)


@main.command()
@click.argument("port", type=int)
@click.argument("latency", type=float)
def serve(port: int, latency: float) -> None:
    """Be the server, on a port (0: any), with some seconds before each response."""
    apis.serve(port, latency)


if __name__ == "__main__":
    main()
