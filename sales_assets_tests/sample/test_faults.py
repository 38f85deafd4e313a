"""Which request gets which fault."""

import datetime
from pathlib import Path

import click
import pytest

from sales_assets.sample.faults import Fault, Faults

FIRST, SECOND = datetime.date(2022, 8, 9), datetime.date(2022, 8, 10)


def test_the_first_fault_for_a_day_and_page_counts_until_it_is_used_up() -> None:
    faults = Faults([Fault(date=FIRST, page=1, status=503, times=2), Fault(page=1, status=500)])
    statuses = [fault.status for _ in range(4) if (fault := faults.next(FIRST, 1))]
    assert statuses == [503, 503, 500, 500]
    assert faults.next(SECOND, 1) == Fault(page=1, status=500)
    assert faults.next(SECOND, 2) is None


def test_faults_are_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "faults.yaml"
    path.write_text("- {date: 2022-08-10, status: 503}\n- {delay: 0.05}\n")
    faults = Faults.read(path)
    assert faults.next(SECOND, 1) == Fault(date=SECOND, status=503)
    assert faults.next(FIRST, 1) == Fault(delay=0.05)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("- {status: 600}", "0.status"),
        ("- {delay: 1}\n- {dealy: 1}", "1.dealy"),
        ("status: 503", "valid list"),
        ("- {", "flow"),
    ],
)
def test_a_file_that_says_something_else_is_refused_by_its_name_and_place(
    tmp_path: Path, text: str, problem: str
) -> None:
    path = tmp_path / "faults.yaml"
    path.write_text(text)
    with pytest.raises(click.UsageError, match=f"(?s){path}.*{problem}"):
        Faults.read(path)
