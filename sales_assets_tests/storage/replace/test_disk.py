"""Groups and modes of what is put in its place."""

import os
import stat
from pathlib import Path

from sales_assets_tests.helpers.directories import DAY_DIR, NEW, OLD, publish


def test_a_directory_and_its_files_have_the_group_and_mode_of_what_they_replace(
    tmp_path: Path,
) -> None:
    publish(tmp_path, OLD)
    (tmp_path / DAY_DIR).chmod(0o2770)
    os.chown(tmp_path / DAY_DIR, -1, os.getgid())
    publish(tmp_path, NEW)
    assert stat.S_IMODE((tmp_path / DAY_DIR).stat().st_mode) == 0o2770
    assert stat.S_IMODE((tmp_path / DAY_DIR / "1").stat().st_mode) == 0o660
