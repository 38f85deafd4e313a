"""What evaluations of checks say."""

import re

import dagster as dg

Evaluations = dict[str, dict[str, dg.AssetCheckEvaluation]]
"""By asset and check, such as `raw_sales_is_as_recorded`, and by day."""

_NOTHING_TO_COMPARE = re.compile("no earlier .*day to compare with")


def evaluations_of(result: dg.ExecuteInProcessResult) -> Evaluations:
    """Sort what the checks of a run have found."""
    found: Evaluations = {}
    for one in result.get_asset_check_evaluations():
        name = f"{one.asset_key.to_user_string()}_{one.check_name}"
        found.setdefault(name, {})[one.partition or ""] = one
    return found


def failed(evaluations: Evaluations) -> dict[str, dict[str, str]]:
    """The problems by check and day; few days have no weekday to compare with."""
    problems: dict[str, dict[str, str]] = {}
    for name, days in evaluations.items():
        for day, one in days.items():
            said = one.description or ""
            if not one.passed and not _NOTHING_TO_COMPARE.fullmatch(said):
                problems.setdefault(name, {})[day] = said
    return problems
