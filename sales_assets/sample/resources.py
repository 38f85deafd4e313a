"""The API resources on sample data: each talks to a sample API that lives as long as the run does.

Runs mark their data as invented.
"""

import functools
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import Field
from typing_extensions import Self

from sales_assets.http.resource import HttpApi
from sales_assets.http.tokens import TokenAuth
from sales_assets.rides.api import RidesApi
from sales_assets.sales.api import SalesApi
from sales_assets.sample.api import SampleApi
from sales_assets.sample.invented import sample_ride


class _Embedded(HttpApi):
    url: str = Field(default="sample", description="The embedded sample API: invented data.")

    @property
    def source(self) -> str:
        """The source, marked as invented."""
        return f"embedded sample API: INVENTED {self.title.removesuffix(' API')}, not real ones"

    @contextmanager
    def open(self, run_id: str | None = None) -> Iterator[Self]:
        """Start the server; the seed of its rides is the run id, or a new one."""
        ride = functools.partial(sample_ride, seed=run_id or str(uuid.uuid4()))
        with SampleApi(ride=ride) as api:
            self._connect(api.url, TokenAuth(api.token) if self.token_variable else None)
            try:
                yield self
            finally:
                self._client.close()


class SampleSalesApi(_Embedded, SalesApi):
    """The sales API resource on invented sales."""

    # It is in this process, where more requests at a time only take turns.
    max_in_flight: int = Field(default=4, ge=1, description="Maximum concurrent requests of a run.")


class SampleRidesApi(_Embedded, RidesApi):
    """The rides API resource on invented rides."""
