"""Measures what the asset checks cost on a range of days of the sample API.

`python -m sales_assets_tests.benchmark_checks [DAYS] [ROUNDS]` runs the same range without and with
the checks in turn, each on a fresh instance and storage, and prints the ratio of the medians.
"""

import datetime
import statistics
import sys
import tempfile
import time
from pathlib import Path

import dagster as dg

from sales_assets.formats import AvroFile, JsonPages
from sales_assets.sales import raw_sales, stg_sales
from sales_assets.sales_checks import SALES_CHECKS
from sales_assets.sales_record import SALES_SCHEMA
from sales_assets.sample_resources import SampleSalesApi
from sales_assets.storage import PartitionDirectoryIOManager

FIRST = datetime.date(2022, 8, 9)


def seconds_of_run(days: int, *, checked: bool) -> float:
    """Materialize that many days in one run; give the seconds of wall time that it took."""
    last = FIRST + datetime.timedelta(days=days - 1)
    tags = {
        "dagster/asset_partition_range_start": f"{FIRST}",
        "dagster/asset_partition_range_end": f"{last}",
    }
    with tempfile.TemporaryDirectory() as directory:
        home, base = Path(directory) / "home", str(Path(directory) / "storage")
        home.mkdir()
        with dg.DagsterInstance.local_temp(str(home)) as instance:
            definitions = dg.Definitions(
                assets=[raw_sales, stg_sales],
                asset_checks=SALES_CHECKS if checked else [],
                jobs=[dg.define_asset_job("all")],
                resources={
                    "sales_api": SampleSalesApi(),
                    "json_pages": PartitionDirectoryIOManager(base, JsonPages()),
                    "avro_file": PartitionDirectoryIOManager(base, AvroFile(SALES_SCHEMA)),
                },
            )
            job = definitions.resolve_job_def("all")
            start = time.perf_counter()
            result = job.execute_in_process(instance=instance, tags=tags)
            taken = time.perf_counter() - start
    assert all(evaluation.passed for evaluation in result.get_asset_check_evaluations())
    assert len(result.get_asset_check_evaluations()) == (len(SALES_CHECKS) if checked else 0)
    return taken


def cost_of_checks(days: int = 365, rounds: int = 3) -> tuple[float, float]:
    """Give the median seconds of a run without and with checks."""
    taken: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(rounds):
        for checked in (False, True):
            taken[checked].append(seconds_of_run(days, checked=checked))
    return statistics.median(taken[False]), statistics.median(taken[True])


if __name__ == "__main__":
    without, checked = cost_of_checks(*map(int, sys.argv[1:]))
    line = f"{without:.1f} s without checks, {checked:.1f} s with: {checked / without:.2f} times"
    sys.stdout.write(f"{line}\n")
