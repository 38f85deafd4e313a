"""The checks that daily feeds share: whether stored days are complete and usual.

They read files only if they must.
"""

import datetime
from collections.abc import Callable, Mapping
from typing import Any

from sales_assets.feed.daily import PAGE_ROWS, page_rows
from sales_assets.storage.comparison import content_difference, source_difference
from sales_assets.storage.evaluation import CheckedDays, Finding, Judge, same_weekdays_before
from sales_assets.storage.files import describe

_FEW, _MANY = 0.5, 2


def is_as_recorded(checked: CheckedDays, day: str) -> Finding:
    """The content is as recorded, and has the rows of the upstream day, except rejected ones."""
    with checked.storage.reading(checked.asset, day) as (files, _):
        stored = describe(files)
    asset, record = checked.asset.to_user_string(), checked.recorded[day]
    rows, rejected = record["dagster/row_count"], record.get("rejected_rows", 0)
    facts = {"rows": rows, "sha256": stored["sha256"]}
    if wrong := content_difference(record, stored):
        return Finding(wrong, facts)
    compared = f"{rows:,} rows with SHA-256 {stored['sha256'][:12]}..., as recorded"
    for name, sources in checked.upstream.items():
        # A raw day that was put there by hand has no record.
        if source := sources.get(day):
            source_rows = source["dagster/row_count"]
            facts |= {"rejected_rows": rejected, "upstream_rows": source_rows}
            difference = source_difference(
                asset, record, rows + rejected, name, source, source_rows
            )
            if difference:
                return Finding(difference.detail, facts)
            compared += f"; {rows + rejected:,} rows match {name}"
    return Finding("", facts, compared)


def pages_are_full(checked: CheckedDays, day: str) -> Finding:
    """Every page but the last has as many rows as the first."""
    rows = checked.recorded[day].get(PAGE_ROWS)
    if not rows:  # It was recorded as found, or by an earlier version.
        with checked.storage.reading(checked.asset, day) as (files, _):
            rows = page_rows([page.count for page in checked.storage.format.read(files)])
    first, last = rows["first"], rows["last"]
    facts = {"pages": rows["pages"], "rows_of_page_1": first, "rows_of_last_page": last}
    if odd := rows["odd"]:
        return Finding(f"page {odd['page']} has {odd['rows']} rows, page 1 has {first}", facts)
    pages = f"{rows['pages']} pages" if rows["pages"] != 1 else "1 page"
    return Finding("", facts, f"{pages} of {first} rows; the last has {last}")


def rows_are(
    wrong: Mapping[str, Callable[[Any, datetime.date], bool]],
    odd: Mapping[str, Callable[[Any, datetime.date], bool]],
) -> Judge:
    """No row is wrong in one of these ways, tested by description; an odd row causes a warning."""
    looked_for = {**wrong, **odd}

    def judge(checked: CheckedDays, day: str) -> Finding:
        date = datetime.date.fromisoformat(day)
        counts = dict.fromkeys(looked_for, 0)
        rows = 0
        with checked.storage.reading(checked.asset, day) as (files, _):
            for row in checked.storage.format.rows(files):
                rows += 1
                for what, applies in looked_for.items():
                    if applies(row, date):
                        counts[what] += 1
        problem = ", ".join(
            f"{count} {'row' if count == 1 else 'rows'} {what}"
            for what, count in counts.items()
            if count
        )
        only_a_warning = not any(counts[what] for what in wrong)
        compared = f"{rows:,} rows, none of them {', '.join(looked_for)}"
        return Finding(problem, counts, compared, only_a_warning)

    return judge


def row_count_is_usual(checked: CheckedDays, day: str) -> Finding:
    """The row count is close to those of the same weekday in the previous four weeks."""
    count = checked.recorded[day]["dagster/row_count"]
    before = [checked.recorded.get(other) for other in same_weekdays_before(day)]
    known = [record["dagster/row_count"] for record in before if record]
    if not known:
        unproven = f"no earlier {datetime.date.fromisoformat(day):%A} to compare with"
        return Finding("", {"rows": count}, unproven=unproven)
    lowest, highest = int(min(known) * _FEW), int(max(known) * _MANY)
    facts = {"rows": count, "lowest": lowest, "highest": highest}
    usual = f"{lowest:,} to {highest:,} are usual"
    if lowest <= count <= highest:
        return Finding("", facts, f"{count:,} rows; {usual}")
    return Finding(f"{count:,} rows, but {usual}", facts, only_a_warning=True)


def no_unknown_fields(checked: CheckedDays, day: str) -> Finding:
    """No row had a field that is not in the contract."""
    recorded = checked.recorded[day]
    fields = recorded.get("unknown_fields", {})
    problem = ", ".join(
        f"{name} (first in {seen['first']}; rows: {seen['rows']})" for name, seen in fields.items()
    )
    compared = f"{recorded['dagster/row_count']:,} rows without unknown fields"
    return Finding(problem, {"fields": ", ".join(fields)}, compared, only_a_warning=True)
