"""An engine, and our image."""

from collections.abc import Iterator

import pytest

from sales_assets_tests.helpers.container_engine import (
    NoEngineError,
    build,
    have_base_images,
    running_engine,
)
from sales_assets_tests.helpers.files import PROJECT


@pytest.fixture(scope="session")
def image() -> Iterator[str]:
    """The name of the image that was built from this checkout."""
    try:
        with running_engine():
            have_base_images()
            # As the compose file calls it.
            build(PROJECT, name := "localhost/sales_assets")
            yield name
    except NoEngineError as error:
        pytest.skip(str(error))
