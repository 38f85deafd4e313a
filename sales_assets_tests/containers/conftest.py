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

IMAGE = "localhost/sales_assets"
"""As the compose file calls it."""


@pytest.fixture(scope="session")
def image() -> Iterator[str]:
    """The name of the image that was built from this checkout."""
    try:
        with running_engine():
            have_base_images()
            build(PROJECT, IMAGE)
            yield IMAGE
    except NoEngineError as error:
        pytest.skip(str(error))
