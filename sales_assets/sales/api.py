"""The sales API: `GET /sales?date=DATE&page=N`, with the token in `AUTH_TOKEN`."""

from sales_assets.feed.api import DailyApi

TOKEN_VARIABLE = "AUTH_TOKEN"  # noqa: S105 - the name of the variable, not a token


class SalesApi(DailyApi):
    """Client of the sales API."""

    path = "sales"
    token_variable = TOKEN_VARIABLE
    address_variable = "SALES_API_URL"
