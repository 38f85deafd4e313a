"""Every environment variable of this project, declared once; nothing else reads the environment.

Dagster's commands load `.env` first, and an empty variable counts as not set. The table in
`docs/settings` comes from `settings_table`.
"""

import datetime
import os
from collections.abc import Iterator
from typing import Annotated, Any, NamedTuple
from urllib.parse import parse_qsl, unquote

import click
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError


class InvalidSettingError(click.ClickException):
    """An environment variable has an invalid value.

    Our commands and Dagster's show it in one line, since both use click.

    Args:
        name: The variable.
        value: Its value; None for a secret, which is not shown.
        expected: What it should be, such as `a day of the form 2022-08-09`.
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


_Day = Annotated[str, BeforeValidator(_day)]
_Whole = Annotated[int, BeforeValidator(_digits)]


def _setting(default: Any, name: str, expected: str, description: str, **rules: Any) -> Any:
    return Field(default, alias=name, title=expected, description=description, **rules)


class Settings(BaseModel):
    """The settings: a field's title describes valid values; a field without repr is secret."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    auth_token: str = _setting(
        "",
        "AUTH_TOKEN",
        "a token",
        "token of the sales API, read when a run starts and never stored; without it a run fails "
        "at once",
        repr=False,
    )
    sales_api_url: str = _setting(
        "https://fake-api-vycpfa6oca-uc.a.run.app",
        "SALES_API_URL",
        "an address, or `sample`",
        "address of the sales API; `sample` starts the embedded API for the duration of the run",
    )
    base_dir: str = _setting(
        "file_storage",
        "BASE_DIR",
        "a path, or an address of an object store",
        "root of the storage: a local path, or an address such as `s3://bucket/prefix`",
    )
    sales_start_date: _Day = _setting(
        "2022-08-09", "SALES_START_DATE", "a day of the form 2022-08-09", "first partition"
    )
    sales_days_per_run: _Whole = _setting(
        0,
        "SALES_DAYS_PER_RUN",
        "a whole number from 0 to 100000",
        "splits a backfill into runs of this many days, for runs on many machines (0: one run); "
        "`dagster asset materialize --partition-range` then fails",
        ge=0,
        le=100_000,
    )
    sales_lookback_days: _Whole = _setting(
        3,
        "SALES_LOOKBACK_DAYS",
        "a whole number from 0 to 366",
        "days before yesterday that the schedule materializes again, since some sales arrive late",
        ge=0,
        le=366,
    )
    sales_schedule_hour: _Whole = _setting(
        1,
        "SALES_SCHEDULE_HOUR",
        "a whole number from 0 to 23",
        "when the schedule runs, in UTC; a day is due three hours later",
        ge=0,
        le=23,
    )
    sales_alert_url: str = _setting(
        "",
        "SALES_ALERT_URL",
        "an address",
        "webhook that reports failed runs and late days; never stored",
        repr=False,
    )
    rides_api_url: str = _setting(
        "sample",
        "RIDES_API_URL",
        "an address, or `sample`",
        "address of the rides API; `sample` starts the embedded API for the duration of the run",
    )
    rides_db: str = _setting(
        "file_storage/rides.db",
        "RIDES_DB",
        "a path, or an address of Postgres",
        "SQLite file for the rides, created on first use, or "
        "`postgresql://user:password@host/database`",
    )
    sales_http_roots: str = _setting(
        "",
        "SALES_HTTP_ROOTS",
        "absolute paths, separated by `:`",
        "directories below which requests to the HTTP jobs may write, in addition to `BASE_DIR`",
    )
    sales_http_token: str = _setting(
        "",
        "SALES_HTTP_TOKEN",
        "a token",
        "token that requests to the HTTP jobs must send as `Authorization: Bearer ...`; required "
        "to listen beyond loopback",
        repr=False,
    )
    dagster_home: str = _setting(
        "",
        "DAGSTER_HOME",
        "an absolute path of a directory",
        "directory of the Dagster instance; without it, runs leave no history",
    )


_SECRETS = [str(field.alias) for field in Settings.model_fields.values() if not field.repr] + [
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


class Row(NamedTuple):
    """A setting, as documents show it."""

    name: str
    expected: str
    default: str
    description: str
    secret: bool


def settings_table() -> list[Row]:
    """List all settings, in the order of their declaration."""
    return [
        Row(
            str(field.alias),
            str(field.title),
            str(field.default),
            str(field.description),
            secret=field.alias in _SECRETS,
        )
        for field in Settings.model_fields.values()
    ]


def read() -> Settings:
    """Read the settings as they are now.

    Raises:
        InvalidSettingError: One is invalid; the first of them is named.
    """
    names = (str(field.alias) for field in Settings.model_fields.values())
    try:
        return Settings.model_validate({name: text for name in names if (text := variable(name))})
    except ValidationError as error:
        name = str(error.errors(include_url=False, include_input=False)[0]["loc"][0])
    row = next(row for row in settings_table() if row.name == name)
    raise InvalidSettingError(name, None if row.secret else variable(name), row.expected)


def address(name: str) -> str:
    """Read the variable of an address: that of a setting, or of a feed of your own."""
    fields = {str(field.alias): field_name for field_name, field in Settings.model_fields.items()}
    return str(getattr(read(), fields[name])) if name in fields else variable(name)


def variable(name: str) -> str:
    """Read one variable by its name, such as the token of a feed; empty when it is not set."""
    return os.environ.get(name, "")


def declare_secret(name: str) -> None:
    """Treat the value of a variable as a secret, such as the token of another feed."""
    if name not in _SECRETS:
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
