"""Where the figures of a benchmark are written."""

from pathlib import Path

import pytest

from sales_assets_tests.benchmark.figures import Benchmark, Figure, Row
from sales_assets_tests.benchmark.report import BEGIN, END, NoPlaceError, write

ORDER = ["one-day", "365-days"]


def row(benchmark: str, seconds: float) -> Row:
    """Give a line."""
    return Row(benchmark, "two empty assets", Figure(seconds), 1.0, 3)


def test_a_line_can_be_read_again() -> None:
    for one in (row("one-day", 2.158), Row("in-vain", "1", Figure(12345, "rows/s"), None, 1)):
        assert str(Row.parse(str(one))) == str(one)


def test_figures_replace_those_of_the_same_benchmark_and_of_no_other(tmp_path: Path) -> None:
    document = tmp_path / "performance.md"
    document.write_text(f"before\n{BEGIN}\n{END}\nafter\n")
    write(document, [row("365-days", 3)], ORDER)
    write(document, [row("one-day", 1)], ORDER)
    write(document, [row("365-days", 2)], ORDER)
    text = document.read_text()
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    lines = [line for line in text.splitlines() if "two empty assets |" in line]
    assert lines == [str(row("one-day", 1)), str(row("365-days", 2))]


def test_a_document_without_a_place_for_figures_is_left_as_it_is(tmp_path: Path) -> None:
    document = tmp_path / "performance.md"
    document.write_text(f"before\n{BEGIN}\nafter\n")
    with pytest.raises(NoPlaceError, match=END):
        write(document, [row("one-day", 1)], ORDER)
    assert document.read_text() == f"before\n{BEGIN}\nafter\n"


def test_ratios_are_those_to_the_first_case() -> None:
    cases = {"base": lambda: Figure(2.0), "other": lambda: Figure(3.0)}
    base, other = Benchmark(cases, rounds=3).rows("any")
    assert (base.ratio, other.ratio, other.rounds) == (1.0, 1.5, 3)
