"""An orders API to try the guide's example with: a few invented orders for any day.

`python -m sales_assets_tests.promises.orders_api` serves it until Ctrl-C; its token is `any-word`.
"""

import datetime
import json
import sys

from sales_assets_tests.helpers.scripted_api import ScriptedApi, Shape

SHAPE = Shape(
    day="since",
    pages="cursor",
    parameter="cursor",
    body='{"data": ROWS, "meta": {"next": NEXT, "total": TOTAL}}',
    signed="bearer",
)


def orders_of(day: datetime.date, page: int) -> bytes | None:
    """Invent the orders of a day, on two pages."""
    orders = [
        {
            "order-id": f"{day}-{number}",
            "placed_at": f"{day}T{number:02}:30:00+02:00",
            "state": "paid",
            "total-cents": 100 * number,
        }
        for number in range(15)
    ]
    return json.dumps(orders[10 * page - 10 : 10 * page]).encode() if page <= 2 else None


if __name__ == "__main__":
    with ScriptedApi(SHAPE, "any-word", port=8001) as server:
        server.page = orders_of
        sys.stdout.write(f"orders at {server.url}\n")
        sys.stdout.flush()
        server.serve_forever()
