"""Faults of the sample API: how it misbehaves, for whom, and how often.

A fault file is a YAML list; each entry selects requests and defines what goes wrong with them. The
first entry that matches a request and is not used up applies:

    - {date: 2022-08-10, status: 503, times: 2}
    - {page: 3, cut: 20, times: 1}
    - {delay: 0.05, jitter: 0.02}
"""

import datetime
import threading
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import click
import pydantic
import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter


class Fault(BaseModel):
    """One kind of misbehavior, and the requests it applies to; its parts combine in this order."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    date: datetime.date | None = Field(default=None, description="Only requests for this day.")
    page: int | None = Field(default=None, ge=1, description="Only requests for this page.")
    times: int | None = Field(default=None, ge=1, description="Maximum number of such requests.")

    serve_page: int | None = Field(default=None, ge=1, description="Serve this page in any case.")
    status: int | None = Field(default=None, ge=200, le=599, description="Return this status.")
    headers: dict[str, str] = Field(default={}, description="Send these headers, too.")
    body: str | None = Field(default=None, description="Return this body.")

    gzip: bool = Field(default=False, description="Compress the body, requested or not.")

    delay: float = Field(default=0, ge=0, description="Seconds to wait before responding.")
    jitter: float = Field(default=0, ge=0, description="Maximum random delay on top, in seconds.")
    cut: int = Field(default=0, ge=0, description="Close this many bytes before the end.")
    content_length: bool = Field(default=True, description="Send a Content-Length header.")
    reset: bool = Field(default=False, description="Reset the connection within the body.")
    drip: float = Field(default=0, ge=0, description="Seconds to wait after each byte of the body.")


class Faults:
    """The faults of one server, in order, with a count of their uses."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._faults = list(faults)
        self._uses: Counter[int] = Counter()
        self._lock = threading.Lock()

    @classmethod
    def read(cls, path: Path) -> "Faults":
        """Read a YAML fault file.

        Raises:
            click.UsageError: It is not a YAML list of faults; the text names the first invalid
                entry (from 0), its key, and why.
        """
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
            return cls(TypeAdapter(list[Fault]).validate_python(content))
        except pydantic.ValidationError as error:
            wrong = error.errors(include_url=False)[0]
            place = ".".join(map(str, wrong["loc"])) or "the file"
            raise click.UsageError(f"{path}: {place}: {wrong['msg']}") from None
        except yaml.YAMLError as error:
            raise click.UsageError(f"{path}: {error}") from None

    def next(self, day: datetime.date, page: int) -> Fault | None:
        """Return the fault for a request, if any, and count it as used."""
        with self._lock:
            for place, fault in enumerate(self._faults):
                is_meant = fault.date in (None, day) and fault.page in (None, page)
                if is_meant and self._uses[place] != fault.times:
                    self._uses[place] += 1
                    return fault
        return None
