"""Our image."""

from collections.abc import Iterator

import pytest

from sales_assets_tests.helpers.container_engine import built_image


@pytest.fixture(scope="session")
def image() -> Iterator[str]:
    """The name of the image that was built from this checkout."""
    with built_image() as name:
        yield name
