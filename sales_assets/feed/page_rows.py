"""How many rows the pages of a day have: one that is not full, and not the last, may lack some."""

from typing import Any

PAGE_ROWS = "page_rows"
"""Name of the metadata that says it."""


class PageRows:
    """Looks at the rows of each page, and remembers the first page that is not like the others."""

    def __init__(self) -> None:
        """Begin without any page."""
        self._pages = self._first = self._last = 0
        self._odd: dict[str, int] = {}

    def add(self, rows: int) -> None:
        """Take the number of rows of one more page."""
        if self._last != self._first and not self._odd:
            self._odd = self._last_page()
        self._pages += 1
        self._last = rows
        if self._pages == 1:
            self._first = rows

    def metadata(self) -> dict[str, Any]:
        """Say what the pages are like.

        Returns:
            `page_rows`: how many `pages` there are; the rows of the `first` and the `last` one;
            `odd` is the first page (`page`, its number, and `rows`) that has not as many as page 1
            and is not the last one, or the last one if it has more, and is empty if there is no
            such page.
        """
        too_long = self._last > self._first and not self._odd
        odd = self._last_page() if too_long else self._odd
        return {
            PAGE_ROWS: {
                "pages": self._pages,
                "first": self._first,
                "last": self._last,
                "odd": odd,
            }
        }

    def _last_page(self) -> dict[str, int]:
        return {"page": self._pages, "rows": self._last}
