"""How what differs is told; `test_verify` has what differs."""

from pathlib import Path

from sales_assets.storage.comparison import stranger


def test_a_foreign_name_shows_no_control_character_and_takes_one_line() -> None:
    shown = str(stranger("storage", Path("a\nb\x1b[2J\udcff"), "a day"))
    assert shown == r"storage: foreign files: a\nb\x1b[2J\udcff is not a day: move it away"
