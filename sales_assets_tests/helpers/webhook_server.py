"""A webhook on loopback that remembers what it was sent."""

import html
import json
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from sales_assets.sample.api import Serving


class WebhookServer(Serving):
    """A real HTTP server with a secret in its path, as incoming webhooks have.

    Attributes:
        bodies: What was posted and answered with 200, as it came.
        statuses: Answers to the next posts; 200 once they are used up.
        posts: How many requests there were, whatever their answers.
    """

    secret = "T000-B000-not-for-anybody"  # noqa: S105 - made up

    def __init__(self) -> None:
        self.bodies: list[str] = []
        self.statuses: deque[int] = deque()
        self.posts = 0
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                hook.posts += 1
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = hook.statuses.popleft() if hook.statuses else 200
                if self.path != f"/services/{hook.secret}":
                    status = 404
                if status == 200:
                    hook.bodies.append(body.decode())
                self.send_response(status)
                if 300 <= status < 400:
                    self.send_header("Location", hook.url)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Keep quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        """The whole address."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/services/{self.secret}"

    @property
    def texts(self) -> list[str]:
        """The messages, as a reader sees them."""
        return [html.unescape(json.loads(body)["text"]) for body in self.bodies]
