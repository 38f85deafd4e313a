"""The sales API: `GET /sales?date=DATE&page=N`, with the token in `AUTH_TOKEN`."""

from sales_assets.feed.api import DailyApi
from sales_assets.sales.sale import SALE


class SalesApi(DailyApi):
    """Client for the sales API. Its token is read from AUTH_TOKEN when a run starts."""

    title = "sales API"
    path = "sales"
    row = SALE
    address_variable = "SALES_API_URL"
    token_variable = "AUTH_TOKEN"  # noqa: S105 - the name of the variable, not a token
    has_sample = True
