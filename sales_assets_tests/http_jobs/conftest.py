"""Fixtures of the HTTP jobs."""

from collections.abc import Iterator

import pytest

from sales_assets_tests.helpers.http_jobs_server import HeldApi


@pytest.fixture(scope="module")
def held_api() -> Iterator[HeldApi]:
    """The API of all servers of a module."""
    with HeldApi() as api:
        yield api
