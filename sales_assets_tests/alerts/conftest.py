"""What the tests of alerts share."""

from collections.abc import Iterator

import pytest

from sales_assets_tests.helpers.webhook_server import WebhookServer


@pytest.fixture
def webhook() -> Iterator[WebhookServer]:
    """A webhook on loopback."""
    with WebhookServer() as server:
        yield server
