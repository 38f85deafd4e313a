"""Settings from the environment."""

import pytest

from sales_assets import settings
from sales_assets.settings import InvalidSettingError


@pytest.fixture(autouse=True)
def _nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for row in settings.settings_table():
        monkeypatch.delenv(row.name, raising=False)


def test_a_setting_that_is_missing_or_empty_has_its_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert settings.read().base_dir == "file_storage"
    monkeypatch.setenv("BASE_DIR", "")
    monkeypatch.setenv("SALES_SCHEDULE_HOUR", "")
    assert settings.read().base_dir == "file_storage"
    assert settings.read().sales_schedule_hour == 1


@pytest.mark.parametrize("value", ["-1", "24", "1.5", "one", " 1", "+1", "1_0"])
def test_a_number_that_does_not_fit_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("SALES_SCHEDULE_HOUR", value)
    with pytest.raises(InvalidSettingError) as error:
        settings.read()
    assert f"SALES_SCHEDULE_HOUR is '{value}'; expected a whole number from 0 to 23" in str(
        error.value
    )


def test_the_schedule_may_look_back_at_no_day_but_at_no_more_than_a_year(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SALES_LOOKBACK_DAYS", "0")
    assert settings.read().sales_lookback_days == 0
    monkeypatch.setenv("SALES_LOOKBACK_DAYS", "367")
    with pytest.raises(InvalidSettingError, match="SALES_LOOKBACK_DAYS is '367'"):
        settings.read()


@pytest.mark.parametrize("value", ["2022-02-30", "20220809", "yesterday", "2022-8-9"])
def test_a_day_that_does_not_exist_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("SALES_START_DATE", value)
    with pytest.raises(InvalidSettingError, match=f"SALES_START_DATE is '{value}'"):
        settings.read()


def test_settings_do_not_show_their_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = [row.name for row in settings.settings_table() if row.secret]
    assert secrets == ["AUTH_TOKEN", "SALES_ALERT_URL", "SALES_HTTP_TOKEN"]
    for name in secrets:
        monkeypatch.setenv(name, "not-for-anybody")
    assert "not-for-anybody" not in f"{settings.read()!r} {settings.read()}"
    assert settings.read().auth_token == "not-for-anybody"  # noqa: S105 - made up


def test_every_default_is_one_that_the_variable_may_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    for row in settings.settings_table():
        monkeypatch.setenv(row.name, row.default)
    assert settings.read() == settings.Settings()


def test_the_secrets_of_libraries_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "of-the-cloud")
    assert "of-the-cloud" in settings.secrets()


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://me:p%40ss@host:5432/dagster",
        "postgresql://me:p@ss@host/dagster",
        "postgresql://me:p%40ss@host/dagster?application_name=a@b",
        "postgresql://host/dagster?user=me&password=p%40ss",
        "me:p%40ss@host:5432",
    ],
)
def test_a_password_in_an_address_is_a_secret(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", address)
    assert "p@ss" in settings.secrets()
