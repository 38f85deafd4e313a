"""What is refused before anything is served."""

from pathlib import Path

import pytest

from sales_assets.http_jobs.serve import CannotServeError, serve


@pytest.mark.parametrize(
    ("host", "roots", "token", "problem"),
    [
        ("0.0.0.0", [], None, "set SALES_HTTP_TOKEN"),  # noqa: S104
        ("127.0.0.1", ["data"], None, "data of --root or SALES_HTTP_ROOTS is not an absolute path"),
        ("127.0.0.1", [], "two\nlines", "SALES_HTTP_TOKEN"),
    ],
)
def test_what_cannot_be_served_is_said_at_once(
    host: str, roots: list[str], token: str | None, problem: str
) -> None:
    with pytest.raises(CannotServeError, match=problem):
        serve(host, {"raw": 0}, [*map(Path, roots)], token, 1, 1, print)
