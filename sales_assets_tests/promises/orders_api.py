"""An orders API to try the guide's example with: a few invented orders for any day.

`python -m sales_assets_tests.promises.orders_api` serves it until Ctrl-C; any token will do.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

PORT = 8001


class OrdersHandler(BaseHTTPRequestHandler):
    """Returns the orders of a day on two pages."""

    def do_GET(self) -> None:
        """Return the page that the cursor names."""
        query = dict(parse_qs(urlsplit(self.path).query))
        day, last = query["since"][0], "cursor" in query
        orders = [
            {
                "order-id": f"{day}-{number}",
                "placed_at": f"{day}T{number:02}:30:00+02:00",
                "state": "paid",
                "total-cents": 100 * number,
            }
            for number in (range(10, 15) if last else range(10))
        ]
        page = {"data": orders, "meta": {"next": None if last else "2", "total": 15}}
        if not self.headers["Authorization"].startswith("Bearer "):
            self.send_error(401)
            return
        body = json.dumps(page).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    with ThreadingHTTPServer(("127.0.0.1", PORT), OrdersHandler) as server:
        sys.stdout.write(f"orders at http://127.0.0.1:{PORT}\n")
        sys.stdout.flush()
        server.serve_forever()
