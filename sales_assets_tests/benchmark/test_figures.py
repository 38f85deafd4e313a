"""The lines of the table."""

from sales_assets_tests.benchmark.figures import Comparison


def test_ratios_are_those_to_the_first_case() -> None:
    comparison = Comparison({"base": lambda: 2000.0, "other": lambda: 3000.0}, rounds=3)
    assert [*comparison.lines("any")] == [
        "| any | base | 2,000 s | 1.00 | 3 |",
        "| any | other | 3,000 s | 1.50 | 3 |",
    ]
