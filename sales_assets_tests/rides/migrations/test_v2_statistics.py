"""The second version of the tables."""

from pathlib import Path

from sales_assets.rides.migrations import v1_answers, v2_statistics
from sales_assets_tests.helpers.rides_file import sql, upgrade

SUMS = "SELECT driver_uuid, sum(distance), sum(price) FROM rides GROUP BY driver_uuid"


def test_the_sums_of_a_driver_are_read_from_the_index_alone(tmp_path: Path) -> None:
    path = tmp_path / "rides.db"
    upgrade(path, v1_answers)
    assert "COVERING INDEX" not in str(sql(path, f"EXPLAIN QUERY PLAN {SUMS}"))
    upgrade(path, v2_statistics)
    assert "COVERING INDEX rides_by_driver" in str(sql(path, f"EXPLAIN QUERY PLAN {SUMS}"))
