"""The first version of the tables."""

from pathlib import Path

from sales_assets.rides.migrations import v1_answers
from sales_assets_tests.helpers.rides_file import OLD_TABLES, sql, upgrade


def test_the_tables_are_those_that_files_of_version_1_have(tmp_path: Path) -> None:
    old, new = tmp_path / "old.db", tmp_path / "new.db"
    sql(old, *OLD_TABLES[0])
    upgrade(new, v1_answers)
    tables = "SELECT name, strict FROM pragma_table_list WHERE schema = 'main' ORDER BY name"
    assert sql(new, tables) == sql(old, tables)
    for table in ("drivers", "users", "rides"):
        for pragma in ("table_info", "foreign_key_list"):
            assert sql(new, f"PRAGMA {pragma}({table})") == sql(old, f"PRAGMA {pragma}({table})")
