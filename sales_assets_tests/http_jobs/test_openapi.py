"""The OpenAPI description of the HTTP jobs, held against the running servers by schemathesis."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sales_assets.http_jobs.contract import REFUSALS
from sales_assets_tests.helpers.files import tree
from sales_assets_tests.helpers.http_jobs_server import HttpJobs, running_http_jobs

schemathesis = pytest.importorskip("schemathesis")
positive_data_acceptance = pytest.importorskip(
    "schemathesis.specs.openapi.checks"
).positive_data_acceptance
GenerationMode = schemathesis.GenerationMode
Ok = pytest.importorskip("schemathesis.core.result").Ok

pytestmark = pytest.mark.slow

DAYS = ("2022-08-09", "2022-08-10")
# Stands for the root of the storage, which has no path yet when these strategies are made.
ROOT = "ROOT"


for _layer in ("raw", "stg"):
    # Directories that are good, nearly good and not good at all.
    _good = st.sampled_from([f"{ROOT}/{_layer}/sales/{day}" for day in DAYS])
    _parts = (ROOT, "raw", "stg", "sales", *DAYS, "..", ".", ".work", "out", "", "\0", "é" * 200)
    _near = st.lists(st.sampled_from(_parts), max_size=6).map("/".join)
    _inside = st.builds("/".join, st.tuples(_near, _good))
    _directories = _good | _near | _inside | st.text(max_size=30)
    schemathesis.openapi.format(f"{_layer}-sales-directory", _directories)
schemathesis.openapi.format("date", st.sampled_from([*DAYS, "2022-08-08", "2999-01-01"]))


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpJobs]:
    """Running servers whose storage has a symlink out of it."""
    directory = tmp_path_factory.mktemp("contract")
    (directory / "outside" / "raw" / "sales" / DAYS[0]).mkdir(parents=True)
    (directory / "outside" / "raw" / "sales" / DAYS[0] / "precious").write_text("precious")
    (directory / "storage").mkdir()
    (directory / "storage" / "out").symlink_to(directory / "outside")
    with running_http_jobs(directory, SALES_API_URL="sample") as server:
        yield server


def send(jobs: HttpJobs, case: Any) -> None:
    """Send a made-up request, and hold its answer and the files against the description."""
    if isinstance(case.body, dict):
        case.body = {
            name: value.replace(ROOT, str(jobs.storage)) if isinstance(value, str) else value
            for name, value in case.body.items()
        }
    # A directory has to keep rules that no schema can tell.
    response = case.call_and_validate(timeout=60, excluded_checks=[positive_data_acceptance])
    assert response.status_code in {200, 201, 405, *REFUSALS}
    assert response.status_code < 500
    assert response.json()
    outside = tree(jobs.storage.parent / "outside")
    assert outside == {f"raw/sales/{DAYS[0]}/precious": b"precious"}
    names = {path.name for path in jobs.storage.parent.iterdir()}
    assert names == {"outside", "storage", "dagster_home", "http_jobs.log"}


FEW = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("mode", list(GenerationMode), ids=str)
@pytest.mark.parametrize("asset", ["raw_sales", "stg_sales"])
def test_made_up_requests_are_answered_as_described_and_leave_no_file_outside(
    jobs: HttpJobs, asset: str, mode: Any
) -> None:
    schema = schemathesis.openapi.from_url(jobs.urls[asset] + "openapi.json")
    for result in schema.get_all_operations():
        assert isinstance(result, Ok)
        operation = result.ok()
        if mode.is_positive or operation.body:

            @given(case=operation.as_strategy(generation_mode=mode))
            @FEW
            def check(case: Any) -> None:
                send(jobs, case)

            check()
