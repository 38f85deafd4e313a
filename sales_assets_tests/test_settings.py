"""Settings from the environment."""

import re

import pytest

from sales_assets import settings
from sales_assets.settings import InvalidSettingError, Settings

DEFAULTS = Settings.model_validate({})


@pytest.fixture(autouse=True)
def _nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def test_a_setting_that_is_missing_or_empty_has_its_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BASE_DIR", "")
    monkeypatch.setenv("SALES_SCHEDULE_HOUR", "")
    assert settings.read() == DEFAULTS
    assert (DEFAULTS.base_dir, DEFAULTS.sales_schedule_hour) == ("file_storage", 1)


def test_every_default_is_one_that_the_variable_may_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, field in Settings.model_fields.items():
        monkeypatch.setenv(name.upper(), str(field.default))
    assert settings.read() == DEFAULTS


A_NUMBER = "a whole number from 0 to 23"
A_DAY = "a day of the form 2022-08-09"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        *(
            ("SALES_SCHEDULE_HOUR", v, A_NUMBER)
            for v in ("-1", "24", "1.5", "x", " 1", "+1", "1_0")
        ),
        *(("SALES_START_DATE", v, A_DAY) for v in ("2022-02-30", "20220809", "x", "2022-8-9")),
        ("SALES_LOOKBACK_DAYS", "367", "a whole number from 0 to 366"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, expected: str
) -> None:
    monkeypatch.setenv(name, value)
    text = f"{name} is '{value}'; expected {expected}: correct or unset it"
    with pytest.raises(InvalidSettingError, match=re.escape(text)):
        settings.read()


def test_settings_do_not_show_their_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = [name for name, field in Settings.model_fields.items() if not field.repr]
    assert secrets == ["auth_token", "sales_alert_url", "sales_http_token"]
    for name in secrets:
        monkeypatch.setenv(name.upper(), "not-for-anybody")
    assert "not-for-anybody" not in f"{settings.read()!r} {settings.read()}"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("AWS_SESSION_TOKEN", "p@ss"),
        ("DAGSTER_POSTGRES_URL", "postgresql://me:p%40ss@host:5432/dagster"),
        ("RIDES_DB", "postgresql://me:p@ss@host/dagster"),
        ("DATABASE_URL", "postgresql://host/dagster?user=me&password=p%40ss"),
        ("https_proxy", "me:p%40ss@host:5432"),
    ],
)
def test_the_secrets_of_libraries_and_the_passwords_in_addresses_are_known(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    assert "p@ss" in settings.secrets()
