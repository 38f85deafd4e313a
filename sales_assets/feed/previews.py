"""Features that Dagster calls beta or a preview, and that are used here all the same."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg


@contextmanager
def knowingly() -> Iterator[None]:
    """Use such features without Dagster's warnings, of which no user needs one at each command."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)
        warnings.simplefilter("ignore", dg.PreviewWarning)
        yield
