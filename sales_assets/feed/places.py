"""Where a response has values other than its rows: in the body, a header or the last row."""

import re
from dataclasses import dataclass
from typing import Any

from sales_assets.feed.json_rows import WrongShapeError, kind_of
from sales_assets.feed.page import PulledPage
from sales_assets.http.client import HttpAnswer

_VALUE = r'("(?:[^"\\]|\\.)*"|[^,;\s]*)'
_LINK = re.compile(rf"<([^<>]*)>((?:\s*;(?:\s*[^=;,\s]+(?:\s*=\s*{_VALUE})?)?)*)")
_PARAMETER = re.compile(rf";\s*([^=;,\s]+)\s*=\s*{_VALUE}")


@dataclass(frozen=True)
class InBody:
    """A value in the body outside the rows, by the path of its keys, as in `paging.next.after`."""

    path: str

    def of(self, answer: HttpAnswer, page: PulledPage) -> Any:
        """Return the value; None if it is missing or an empty list.

        Raises:
            WrongShapeError: A value on the path is not an object.
        """
        value: Any = page.around
        for key in self.path.split("."):
            if value and not isinstance(value, dict):
                raise WrongShapeError(f"got {kind_of(value)} instead of an object with {key!r}")
            value = value.get(key) if value else None
        return None if value == [] else value


@dataclass(frozen=True)
class InHeader:
    """A header of the response."""

    name: str

    def of(self, answer: HttpAnswer, page: PulledPage) -> Any:
        """Return its text."""
        return answer.headers.get(self.name)


@dataclass(frozen=True)
class InLastRow:
    """A field of the last row."""

    key: str

    def of(self, answer: HttpAnswer, page: PulledPage) -> Any:
        """Return its value; raise WrongShapeError if a row lacks it."""
        value = page.last_row.get(self.key)
        if value is None and page.count:
            raise WrongShapeError(f"the last row has no {self.key!r}")
        return value


@dataclass(frozen=True)
class InLink:
    """The header `Link` (RFC 8288): the address with a given relation."""

    rel: str = "next"

    def of(self, answer: HttpAnswer, page: PulledPage) -> Any:
        """Return the address; raise WrongShapeError rather than overlook one."""
        header = answer.headers.get("Link", "")
        if _LINK.sub("", header).strip(", \t"):
            raise WrongShapeError("the header Link is malformed")
        for address, parameters, _ in _LINK.findall(header):
            for name, value in _PARAMETER.findall(parameters):
                if name.lower() == "rel" and self.rel in value.strip("\"'").lower().split():
                    return address.strip()
        return None


Where = InBody | InHeader | InLastRow | InLink
"""The location of a value in a response."""


def total_of(where: Where, answer: HttpAnswer, page: PulledPage) -> int:
    """Return the row count that the API reports for a day, or raise WrongShapeError."""
    total = where.of(answer, page)
    if isinstance(total, str) and re.fullmatch(r"[0-9]{1,15}", total.strip()):
        return int(total)
    if type(total) is int and total >= 0:
        return total
    raise WrongShapeError(f"there is no total row count ({where})")
