"""The row contract: one value for each reason; all kinds are in storage/test_quarantine."""

from typing import Any

import pytest

from sales_assets.feed.contract import InvalidRowsError
from sales_assets_tests.helpers.rows import page, sale
from sales_assets_tests.helpers.streams import judged


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("price", "12", "valid integer"),
        ("price", 2**63, "less than"),
        ("client", 7, "valid string"),
        ("purchase_date", "2022-08-10", "day of the partition, 2022-08-09"),
        ("purchase_date", "1660003200", "a date such as 2022-08-09"),
    ],
)
def test_a_bad_value_is_refused_with_its_place(field: str, value: Any, reason: str) -> None:
    pages = [page(sale()), page(sale(), sale(**{field: value}))]
    with pytest.raises(InvalidRowsError, match=rf"page 2, row 2, {field} = .*: .*{reason}"):
        judged(pages)
