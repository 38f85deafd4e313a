"""How far a range has come, for a person to see."""

import fcntl
import logging
import os
import pty
import struct
import subprocess
import sys
import termios
from contextlib import closing

import pytest

from sales_assets.feed.progress import Progress

LOG = logging.getLogger("test_progress")


def test_the_log_says_days_rows_rate_and_time_left(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with closing(Progress("raw_sales", 4, LOG, seconds_between_lines=0)) as progress:
        progress.show({"2022-08-09": {"dagster/row_count": 1338}}, failed=1)
    assert caplog.messages[0].startswith("raw_sales: 2 of 4 days, 1,338 rows, ")
    assert caplog.messages[0].endswith(" s left")


def test_the_log_gets_no_line_before_it_is_time(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with closing(Progress("raw_sales", 4, LOG)) as progress:
        for _ in range(100):
            progress.show({}, failed=0)
    assert caplog.messages == []


def show_in(days: int) -> list[str]:
    return [
        sys.executable,
        "-c",
        "import logging\n"
        "from contextlib import closing\n"
        "from sales_assets.feed.progress import Progress\n"
        f"with closing(Progress('raw_sales', {days}, logging.getLogger())) as progress:\n"
        "    progress.show({'2022-08-09': {'dagster/row_count': 338}}, failed=0)\n",
    ]


def on_a_terminal(command: list[str]) -> str:
    """Run a command with a terminal for its stderr; give what that shows."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    subprocess.run(command, stderr=theirs, check=True)  # noqa: S603 - our own command
    os.close(theirs)
    shown = b""
    try:
        while chunk := os.read(ours, 1000):
            shown += chunk
    except OSError:
        pass  # Linux's way to say that the other end is closed.
    os.close(ours)
    return shown.decode()


def test_a_terminal_shows_a_bar_for_a_range() -> None:
    assert "raw_sales:  25%" in on_a_terminal(show_in(4))


def test_a_terminal_shows_no_bar_for_one_day() -> None:
    assert on_a_terminal(show_in(1)) == ""


def test_without_a_terminal_there_is_no_bar() -> None:
    result = subprocess.run(show_in(4), capture_output=True, check=True)  # noqa: S603
    assert result.stderr == b""
