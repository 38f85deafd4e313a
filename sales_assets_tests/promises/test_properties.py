"""What holds for any sales and for any JSON, not just for the examples of the other tests."""

import contextlib
import datetime
import json
import re
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from sales_assets.feed.json_rows import InvalidPageError, rows_of_page, values_of_page
from sales_assets.feed.schema import RowSchema
from sales_assets.feed.stream import UpstreamDayError
from sales_assets.sales.sale import SALE
from sales_assets.storage.avro_file import AvroFile
from sales_assets_tests.helpers.rows import DAY, sale
from sales_assets_tests.helpers.streams import judged, judging, typed

DATE = datetime.date.fromisoformat(DAY)

FIELDS = ("client", "purchase_date", "product", "price")

texts = st.text(max_size=20)  # without lone surrogates, as the default is

prices = st.integers(-(2**63), 2**63 - 1)

sales = st.builds(lambda c, p, n: sale(client=c, product=p, price=n), texts, texts, prices)

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=()), max_size=5)
    | st.sampled_from([DAY, "900", 900, 2**63, 900.0, "A\ud800"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)

quick = settings(max_examples=150, deadline=None)


def encoded(rows: list[Any], ascii_only: bool) -> bytes:
    return json.dumps(rows, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")


def is_text(value: Any) -> bool:
    return isinstance(value, str) and not re.search("[\ud800-\udfff]", value)


def is_sale(row: dict[str, Any]) -> bool:
    """The contract, said once more in the plainest words."""
    return (
        all(field in row for field in FIELDS)
        and is_text(row["client"])
        and is_text(row["product"])
        and row["purchase_date"] == DAY
        and type(row["price"]) is int
        and -(2**63) <= row["price"] < 2**63
    )


@quick
@given(st.lists(st.lists(sales, max_size=5), max_size=4), st.booleans())
def test_any_list_of_sales_comes_back_from_avro_equal(
    pages: list[list[dict[str, Any]]], ascii_only: bool
) -> None:
    avro = AvroFile(SALE.avro)
    bodies = [encoded(rows, ascii_only) for rows in pages]
    with tempfile.TemporaryDirectory() as directory:
        rows = (row for page in judged(bodies) for row in page)
        avro.write(rows, Path(directory), "sales")
        stored = list(avro.read(avro.files(Path(directory), "sales")))
    assert stored == [typed(row) for rows in pages for row in rows]


@quick
@given(
    st.lists(
        st.tuples(sales, st.dictionaries(st.sampled_from([*FIELDS, "other"]), values, max_size=3)),
        max_size=4,
    ),
    st.booleans(),
)
@example([(sale(), {"client": "A\ud800"})], True)
@example([(sale(), {"product": "A\ud800"})], False)
@example([(sale(), {"price": True}), (sale(), {})], True)
def test_any_value_in_any_field_is_taken_as_it_is_or_rejected_with_its_place(
    parts: list[tuple[dict[str, Any], dict[str, Any]]], ascii_only: bool
) -> None:
    rows = [{**good, **changes} for good, changes in parts]
    judgement = judging(max_rejected_rows=len(rows))
    [taken] = judged([encoded(rows, ascii_only)], judgement)
    assert taken == [typed({field: row[field] for field in FIELDS}) for row in rows if is_sale(row)]
    bad = [number for number, row in enumerate(rows, 1) if not is_sale(row)]
    assert [(record["page"], record["row"]) for record in judgement.rejects] == [
        (1, number) for number in bad
    ]
    for record in judgement.rejects:
        assert {problem["field"].split(".")[0] for problem in record["problems"]} <= {*FIELDS}
        json.dumps(record).encode("ascii")


SHOP = {"name": "shop", "type": ["null", "string"], "default": None, "doc": "Where."}
WEIGHT = {"name": "weight", "type": ["null", "double"], "default": None, "doc": "Kilograms."}
WIDER = RowSchema(
    {**SALE.avro, "fields": [*SALE.avro["fields"], SHOP, WEIGHT]}, day_field="purchase_date"
)
MORE_VALUES = {
    "shop": st.none() | texts,
    "weight": st.floats(allow_nan=False, allow_infinity=False),
    "unknown": st.none() | texts | st.integers() | st.lists(texts, max_size=2),
}


def spelt(draw: st.DrawFn, key: str) -> str:
    """Write a key with some of its characters as escapes."""
    return "".join(
        f"\\u{ord(character):04x}" if draw(st.booleans()) else character for character in key
    )


@st.composite
def rows_as_text(draw: st.DrawFn) -> tuple[str, bool]:
    """A row with any of the optional fields and of those that nobody knows, some of them twice."""
    pairs: list[tuple[str, Any]] = list(draw(sales).items())
    pairs += [(name, draw(MORE_VALUES[name])) for name in MORE_VALUES if draw(st.booleans())]
    twice = draw(st.lists(st.sampled_from(pairs), max_size=1))
    written = [f'"{spelt(draw, name)}": {json.dumps(value)}' for name, value in pairs + twice]
    return "{" + ", ".join(draw(st.permutations(written))) + "}", bool(twice)


@quick
@given(st.lists(rows_as_text(), max_size=5))
def test_no_key_that_comes_twice_is_missed_in_any_mixture_of_rows(
    rows: list[tuple[str, bool]],
) -> None:
    judgement = judging(WIDER, max_rejected_rows=len(rows))
    page = f"[{', '.join(text for text, _ in rows)}]".encode()
    [taken] = judged([page], judgement)
    bad = [number for number, (_, twice) in enumerate(rows, 1) if twice]
    assert [record["row"] for record in judgement.rejects] == bad
    good = [json.loads(text) for text, twice in rows if not twice]
    known = (*FIELDS, "shop", "weight")
    assert taken == [typed({name: row.get(name) for name in known}) for row in good]


@quick
@given(st.lists(values | sales, max_size=4), st.data())
def test_a_page_that_is_cut_short_is_never_a_page(rows: list[Any], data: st.DataObject) -> None:
    page = encoded(rows, True)
    assert len(values_of_page(page)) == len(list(rows_of_page(page))) == len(rows)
    cut = page[: data.draw(st.integers(0, len(page) - 1))]
    for parse in (values_of_page, lambda body: list(rows_of_page(body))):
        try:
            parse(cut)
        except InvalidPageError:
            continue
        raise AssertionError(cut)


@quick
@given(st.binary(max_size=30))
def test_any_bytes_are_a_page_of_rows_or_refused(body: bytes) -> None:
    judgement = judging(max_rejected_rows=99)
    with contextlib.suppress(UpstreamDayError):
        [taken] = judged([b"[" + body + b"]"], judgement)
        rows = json.loads(f"[{body.decode('utf-8', 'surrogateescape')}]")
        assert len(taken) + len(judgement.rejects) == len(rows)
