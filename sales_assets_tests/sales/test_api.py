"""The API client, against a real server."""

import pytest

from sales_assets.feed.api import RefusedTokenError
from sales_assets.sales.api import SalesApi
from sales_assets_tests.helpers.rows import DAY
from sales_assets_tests.helpers.scripted_api import ScriptedApi
from sales_assets_tests.helpers.streams import bodies_of


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_token_fails_at_once_and_names_the_variable(
    api: ScriptedApi, sales_api: SalesApi, status: int
) -> None:
    api.fail(status=status)
    with pytest.raises(RefusedTokenError, match="AUTH_TOKEN"):
        bodies_of(sales_api.pages(DAY))
    assert len(api.requests) == 1
