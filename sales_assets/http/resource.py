"""The base class of API resources: their settings, their token, and when they are open."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, ClassVar

import dagster as dg
from pydantic import Field, PrivateAttr
from typing_extensions import Self

from sales_assets import settings
from sales_assets.http.address import check_address
from sales_assets.http.client import HttpAnswer, HttpClient, Limits
from sales_assets.http.errors import ApiError, HttpError
from sales_assets.http.tokens import BARE, TokenAuth, TokenStyle, check_token

_SENTENCES = {
    103: "an early hint instead of a response: disable early hints in the gateway of the API",
    204: "no content instead of a list: check that the address is that of the API",
    304: "a cache in between returned this, although the request was not conditional",
    421: "the server does not serve this host: check the address, and the proxy if there is one",
}
"""Explanations of statuses that a working API does not return."""


class HttpApi(dg.ConfigurableResource[Any], Limits):
    """Client for an HTTP API.

    Its token is read from the environment when a run starts, and is never a field, which Dagster
    would show in the UI and store in snapshots.

    Attributes:
        title: The name of the API in errors.
        address_variable: The variable behind `url`, for errors.
        token_variable: The variable with the token; None for an API that needs none.
        has_sample: Whether the address may be the word `sample`.
        error: Raised when the address or the token is missing or malformed.
        auth_error: Raised when the API rejects the token.
    """

    title: ClassVar[str]
    address_variable: ClassVar[str]
    token_variable: ClassVar[str | None] = None
    token_style: ClassVar[TokenStyle] = BARE
    has_sample: ClassVar[bool] = False
    error: ClassVar[type[ApiError]] = ApiError
    auth_error: ClassVar[type[ApiError]] = ApiError

    url: str = Field(description="Base address, such as https://api.example.com.")

    _opened: HttpClient | ApiError = PrivateAttr()
    _address: str = PrivateAttr(default="")

    @classmethod
    def __pydantic_init_subclass__(cls, **options: Any) -> None:
        """Register the token as a secret."""
        super().__pydantic_init_subclass__(**options)
        if cls.token_variable:
            settings.declare_secret(cls.token_variable)

    def connect(self) -> None:
        """Prepare to make requests; raise ApiError if the address or the token is not valid."""
        or_else = ", or the word `sample`" if self.has_sample else ""
        try:
            address = check_address(self.url, self.address_variable, or_else=or_else)
            self._connect(address, self._token())
        except (settings.InvalidSettingError, HttpError) as error:
            raise self.error(str(error)) from None

    @contextmanager
    def open(self, run_id: str | None = None) -> Iterator[Self]:
        """Stay connected during the `with` block, for a Dagster run if any; see `connect`."""
        self.connect()
        try:
            yield self
        finally:
            self._client.close()

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[Self]:
        """Stay open for the duration of a run.

        A configuration error is raised in the step that makes requests. Raised here, it would fail
        the run as a whole: no partition would show it, and Dagster might retry the run.
        """
        with ExitStack() as opened:
            try:
                opened.enter_context(self.open(context.run.run_id if context.run else None))
                dg.get_dagster_logger(__name__).info("%s: %s", self.title, self.source)
            except ApiError as problem:
                self._opened = problem
            yield self

    @property
    def _client(self) -> HttpClient:
        """The client; raises the configuration error, if any."""
        if isinstance(self._opened, ApiError):
            raise self._opened.with_traceback(None)
        return self._opened

    @property
    def source(self) -> str:
        """The source of the data, in words."""
        return self._address

    def refusal(self, answer: HttpAnswer) -> HttpError | ApiError:
        """Return the error for a response with a status other than 200."""
        status, variable = answer.status, self.token_variable
        if status in (401, 403) and variable:
            return self.auth_error(
                f"{answer.address}: the {self.title} rejects the token in {variable} "
                f"(HTTP {status}): set {variable} to a valid token and run again"
            )
        if status in _SENTENCES:
            return answer.error(f"{answer.said}: {_SENTENCES[status]}")
        if answer.target:
            return answer.error(
                f"the {self.title} redirects to {answer.target} (HTTP {status}). Only one redirect "
                "is followed, and none to another host, which must not receive the token: set "
                f"{self.address_variable} to the address of the API itself; "
                f"{answer.address.removeprefix(self._address)} is added to it"
            )
        return answer.error()

    def _connect(self, address: str, auth: TokenAuth | None) -> None:
        self._address = address
        self._opened = HttpClient(address, auth, self)

    def _token(self) -> TokenAuth | None:
        variable = self.token_variable
        if variable is None:
            return None
        if token := settings.variable(variable):
            return TokenAuth(check_token(token, variable, self.token_style), self.token_style)
        problem = f"{variable} is not set: set it to the token of the {self.title} "
        problem += f"(`export {variable}=...`, or a line in .env)"
        if self.has_sample:
            problem += f", or set {self.address_variable}=sample to use the embedded sample API, "
            problem += "which needs no token"
        raise self.error(problem)
