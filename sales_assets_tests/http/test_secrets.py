"""Secrets are struck out of texts, however they are written."""

import html
import json
from urllib.parse import quote, quote_plus

import pytest

from sales_assets import settings
from sales_assets.http.secrets import redacted, shown

TOKEN = 'made "up/with+odd&chars\u00e9 to-40'  # noqa: S105


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTH_TOKEN", TOKEN)


SPELLINGS = {
    "as it is": TOKEN,
    "upper case": TOKEN.upper(),
    "lower case": TOKEN.lower(),
    "JSON": json.dumps(TOKEN)[1:-1],
    "JSON in Unicode": json.dumps(TOKEN, ensure_ascii=False)[1:-1],
    "URL": quote(TOKEN),
    "URL, all of it": quote(TOKEN, safe=""),
    "form": quote_plus(TOKEN).lower(),
    "JSON of PHP": json.dumps(TOKEN)[1:-1].replace("/", r"\/"),
    "JSON of .NET": json.dumps(TOKEN)[1:-1].replace("+", r"\u002B").replace("&", r"\u0026"),
    "HTML": html.escape(TOKEN).replace("/", "&#x2F;").replace("+", "&#43;"),
    "URL, and dashes": quote(TOKEN, safe="").replace("-", "%2D"),
}


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
def test_a_secret_is_struck_out_as_it_is_and_quoted(spelling: str) -> None:
    assert redacted(f"<{spelling}> and <{spelling}>") == "<***> and <***>"


def test_every_secret_of_the_process_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["SALES_HTTP_TOKEN", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"]
    for name in names:
        monkeypatch.setenv(name, f"of-{name}")
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", "postgresql://me:of-the%40base@host:5432/db")
    settings.declare_secret("REFUNDS_TOKEN")
    monkeypatch.setenv("REFUNDS_TOKEN", "of-refunds")
    text = " ".join([*(f"of-{name}" for name in names), "of-the@base of-the%40base of-refunds"])
    assert redacted(text) == "*** *** *** *** *** ***"


def test_short_secrets_leave_texts_readable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTH_TOKEN", "a")
    assert redacted("a day of data") == "a day of data"
    monkeypatch.setenv("AUTH_TOKEN", "pass")
    assert redacted("pass passes a passage; pass") == "*** passes a passage; ***"


def test_a_secret_within_another_leaves_nothing_of_either(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTH_TOKEN", "made-up-word")
    monkeypatch.setenv("SALES_HTTP_TOKEN", "made-up-word-and-more")
    assert redacted("made-up-word-and-more, made-up-word") == "***, ***"


@pytest.mark.parametrize("limit", range(5, 90))
def test_a_text_is_cut_after_its_secrets_were_struck_out(limit: int) -> None:
    text = shown(f"{'x' * 40}{TOKEN}{'y' * 1000}{TOKEN}", limit)
    assert len(text) == limit
    assert set(text) <= set("xy*.")
    assert text.startswith("x" * min(40, limit - 3))


def test_a_value_is_shown_as_json_and_a_text_as_it_is() -> None:
    assert shown({"a": [1, None]}) == '{"a": [1, null]}'
    assert shown("caf\u00e9") == "caf\u00e9"
    assert shown([f"for {TOKEN} only"]) == '["for *** only"]'
