"""Every environment variable of this project, declared once; nothing else reads the environment.

Dagster's commands load `.env` first, and an empty variable counts as not set. The table in
`docs/settings` comes from the fields of `Settings`.
"""

import datetime
import os
from collections.abc import Iterator
from typing import Annotated
from urllib.parse import parse_qsl, unquote

import click
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError


class InvalidSettingError(click.ClickException):
    """An environment variable is invalid; `value` is None for a secret, which is not shown.

    Our commands and Dagster's show it in one line, since both use click.
    """

    exit_code = 2

    def __init__(self, name: str, value: str | None, expected: str) -> None:
        held = "invalid" if value is None else repr(value) if value else "empty or not set"
        remedy = "set it" if value == "" else "correct or unset it"
        super().__init__(f"{name} is {held}; expected {expected}: {remedy}")


def _day(value: str) -> str:
    # From Python 3.11 on, fromisoformat also accepts 20220809 and 2022-W32-2.
    if datetime.date.fromisoformat(value).isoformat() != value:
        raise ValueError(value)
    return value


def _digits(value: str) -> str:
    # pydantic would also accept " 1", "+1" and "1_0".
    if not value.isdecimal():
        raise ValueError(value)
    return value


_Whole = Annotated[int, BeforeValidator(_digits)]


class Settings(BaseModel):
    """The settings: each field is the variable of its name in upper case.

    Its title describes valid values, and the text below it what it means. A field without repr is
    secret.
    """

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, use_attribute_docstrings=True)

    auth_token: str = Field("", title="a token", repr=False)
    """token of the sales API, read when a run starts and never stored; without it a run fails at
    once"""
    sales_api_url: str = Field(
        "https://fake-api-vycpfa6oca-uc.a.run.app", title="an address, or `sample`"
    )
    """address of the sales API; `sample` starts the embedded API for the duration of the run"""
    base_dir: str = Field("file_storage", title="a path, or an address of an object store")
    """root of the storage: a local path, or an address such as `s3://bucket/prefix`"""
    sales_start_date: Annotated[str, BeforeValidator(_day)] = Field(
        "2022-08-09", title="a day of the form 2022-08-09"
    )
    """first partition"""
    sales_days_per_run: _Whole = Field(0, le=100_000, title="a whole number from 0 to 100000")
    """splits a backfill into runs of this many days, for runs on many machines (0: one run);
    `dagster asset materialize --partition-range` then fails"""
    sales_lookback_days: _Whole = Field(3, le=366, title="a whole number from 0 to 366")
    """days before yesterday that the schedule materializes again, since some sales arrive late"""
    sales_schedule_hour: _Whole = Field(1, le=23, title="a whole number from 0 to 23")
    """when the schedule runs, in UTC; a day is due three hours later"""
    sales_alert_url: str = Field("", title="an address", repr=False)
    """webhook that reports failed runs and late days; never stored"""
    rides_api_url: str = Field("sample", title="an address, or `sample`")
    """address of the rides API; `sample` starts the embedded API for the duration of the run"""
    rides_db: str = Field("file_storage/rides.db", title="a path, or an address of Postgres")
    """SQLite file for the rides, created on first use, or
    `postgresql://user:password@host/database`"""
    sales_http_roots: str = Field("", title="absolute paths, separated by `:`")
    """directories below which requests to the HTTP jobs may write, in addition to `BASE_DIR`"""
    sales_http_token: str = Field("", title="a token", repr=False)
    """token that requests to the HTTP jobs must send as `Authorization: Bearer ...`; required to
    listen beyond loopback"""
    dagster_home: str = Field("", title="an absolute path of a directory")
    """directory of the Dagster instance; without it, runs leave no history"""


_SECRETS = [name.upper() for name, field in Settings.model_fields.items() if not field.repr] + [
    # Of the libraries that Dagster and the storage use.
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "DAGSTER_PG_PASSWORD",
    "POSTGRES_PASSWORD",
]
_WITH_PASSWORD = (
    "DAGSTER_POSTGRES_URL",
    "DATABASE_URL",
    "BASE_DIR",
    "RIDES_DB",
    *(f"{kind}_proxy" for kind in ("http", "https", "all")),
    *(f"{kind}_PROXY" for kind in ("HTTP", "HTTPS", "ALL")),
)
"""Variables with addresses that may have a password in them."""


def read() -> Settings:
    """Read the settings as they are now.

    Raises:
        InvalidSettingError: One is invalid; the first of them is named.
    """
    values = {name: text for name in Settings.model_fields if (text := variable(name.upper()))}
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        name = str(error.errors(include_url=False, include_input=False)[0]["loc"][0])
    field = Settings.model_fields[name]
    raise InvalidSettingError(name.upper(), values[name] if field.repr else None, str(field.title))


def address(name: str) -> str:
    """Read the variable of an address: that of a setting, or of a feed of your own."""
    return str(getattr(read(), name.lower(), variable(name)))


def variable(name: str) -> str:
    """Read one variable by its name, such as the token of a feed; empty when it is not set."""
    return os.environ.get(name, "")


def declare_secret(name: str) -> None:
    """Treat the value of a variable as a secret, such as the token of another feed."""
    _SECRETS.append(name)


def secrets() -> tuple[str, ...]:
    """Return the secrets in the environment of this process, as they are now."""
    addresses = (variable(name) for name in _WITH_PASSWORD)
    passwords = (password for address in addresses for password in _passwords(address))
    return (*map(variable, _SECRETS), *passwords)


def _passwords(address: str) -> Iterator[str]:
    """Yield what may be the password in `scheme://user:password@host?password=...`."""
    rest = address.partition("://")[2] or address
    # A `@` may be in the password, as well as in what comes after the host.
    for user, at, _ in (rest.rpartition("@"), rest.partition("@")):
        if at:
            yield unquote(user.partition(":")[2])
    for name, value in parse_qsl(address.partition("?")[2]):
        if "password" in name.lower():
            yield value
