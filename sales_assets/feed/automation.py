"""When an asset of days is made by itself: once what it is made of is stored."""

from typing import Any

import dagster as dg

_Condition = dg.AutomationCondition

_SOURCE_IS_NEWER = _Condition.any_deps_match(_Condition.newly_updated())
# A day that failed is missing, too: it is tried again when its source is stored again, and when the
# automation is switched on.
_IS_MISSING_AT_FIRST = _Condition.missing() & _Condition.initial_evaluation()

FOLLOWS_ITS_SOURCE: dg.AutomationCondition[Any] = (
    (_SOURCE_IS_NEWER | _IS_MISSING_AT_FIRST).since(
        _Condition.newly_requested() | _Condition.newly_updated()
    )
    & ~_Condition.any_deps_missing()
    & ~_Condition.any_deps_in_progress()
    & ~_Condition.in_progress()
).with_label("follows its source, day by day")
"""Makes each day, of whatever age, once its source has it or has it anew; each once.

Not while a run or a backfill is about to do it. Unlike Dagster's `eager`, it looks at all days and
not at the latest alone, and follows the days that were stored by a run which failed.
"""
