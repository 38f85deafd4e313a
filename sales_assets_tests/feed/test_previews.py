"""Features that Dagster warns of."""

import subprocess
import sys
import warnings

import dagster as dg

from sales_assets.feed.previews import knowingly


def test_only_warnings_of_such_features_are_left_out() -> None:
    with warnings.catch_warnings(record=True) as given, knowingly():
        for kind in (dg.BetaWarning, dg.PreviewWarning, UserWarning):
            warnings.warn("new", kind, stacklevel=1)
    assert [warning.category for warning in given] == [UserWarning]


def test_loading_the_definitions_warns_of_nothing() -> None:
    load = "import sales_assets.definitions"
    loaded = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-c", load], capture_output=True, text=True, check=True, timeout=60
    )
    assert loaded.stderr == ""
