"""Settings from the environment."""

import pytest

from sales_assets import settings
from sales_assets.settings import InvalidSettingError


def test_a_setting_that_is_missing_or_empty_has_its_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("SALES_TEST", raising=False)
    assert settings.text("SALES_TEST", "default") == "default"
    monkeypatch.setenv("SALES_TEST", "")
    assert settings.whole_number("SALES_TEST", 1, 0, 23) == 1


def test_a_setting_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SALES_TEST", "2024-02-29")
    assert settings.day("SALES_TEST", "2022-08-09") == "2024-02-29"
    monkeypatch.setenv("SALES_TEST", "23")
    assert settings.whole_number("SALES_TEST", 1, 0, 23) == 23


@pytest.mark.parametrize("value", ["-1", "24", "1.5", "one", " 1"])
def test_a_number_that_is_none_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("SALES_TEST", value)
    with pytest.raises(InvalidSettingError, match=f"SALES_TEST is '{value}'.*0 to 23"):
        settings.whole_number("SALES_TEST", 1, 0, 23)


@pytest.mark.parametrize("value", ["2022-02-30", "20220809", "yesterday", "2022-8-9"])
def test_a_day_that_is_none_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("SALES_TEST", value)
    with pytest.raises(InvalidSettingError, match=f"SALES_TEST is '{value}'"):
        settings.day("SALES_TEST", "2022-08-09")
