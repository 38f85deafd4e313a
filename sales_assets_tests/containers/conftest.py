"""An engine, our image, and all services in containers."""

from collections.abc import Iterator

import pytest

from sales_assets_tests.helpers.container_engine import (
    NoEngineError,
    build,
    have_base_images,
    running_engine,
)
from sales_assets_tests.helpers.containers import Containers, running_containers
from sales_assets_tests.helpers.files import PROJECT


@pytest.fixture(scope="session")
def image() -> Iterator[str]:
    """The name of the image that was built from this checkout."""
    try:
        with running_engine():
            have_base_images()
            build(PROJECT, "sales_assets")
            yield "sales_assets"
    except NoEngineError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def containers(image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Containers]:
    """The running installation."""
    with running_containers(tmp_path_factory.mktemp("containers")) as running:
        yield running
