"""What evaluations of checks say."""

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg

_NOTHING_TO_COMPARE = "there is no such weekday to compare with yet"


def failed(evaluations: Mapping[str, dg.AssetCheckEvaluation]) -> dict[str, str]:
    """The descriptions of the checks that failed; few days have no weekday to compare with."""
    return {
        name: one.description or ""
        for name, one in evaluations.items()
        if not one.passed and one.description != _NOTHING_TO_COMPARE
    }


def table(evaluation: dg.AssetCheckEvaluation) -> Iterator[Any]:
    """The rows of its table of days."""
    metadata: Any = evaluation.metadata["days"]
    return iter([record.data for record in metadata.records])
