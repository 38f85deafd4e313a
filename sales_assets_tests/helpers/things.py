"""An asset of pages and one that reads them, stored by the IO manager with nothing else around."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg

from sales_assets.feed.daily import knowingly
from sales_assets.feed.stream import PagesByDay
from sales_assets.storage.io_manager import PartitionDirectoryIOManager
from sales_assets.storage.json_pages import JsonPages
from sales_assets_tests.helpers.materialize import range_tags
from sales_assets_tests.helpers.rows import DAY
from sales_assets_tests.helpers.streams import bodies_of, stream_of

THINGS_DAYS = dg.DailyPartitionsDefinition(DAY)
THINGS = dg.AssetKey("raw_things")


class Unreadable(list[bytes]):
    """The pages of a day that cannot be read to their end."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self._error = error

    def __iter__(self) -> Iterator[bytes]:
        yield b"[0]"
        raise self._error


def store_things(
    base_dir: object,
    instance: dg.DagsterInstance,
    pages: Mapping[str, list[bytes]],
    first: str = DAY,
    last: str | None = None,
    side_by_side: int = 1,
    tags: Mapping[str, str] | None = None,
) -> dict[str, list[bytes]]:
    """Store pages with one asset and read them with the next; give what the second one got.

    Without any pages, those that are stored are read.
    """
    seen: dict[str, list[bytes]] = {}

    def facts(day: str) -> dict[str, Any]:
        return {"source": day, "dagster/row_count": 0}

    with knowingly():

        @dg.asset(partitions_def=THINGS_DAYS, backfill_policy=dg.BackfillPolicy.single_run())
        def raw_things(context: dg.AssetExecutionContext) -> PagesByDay:
            return PagesByDay(
                {day: stream_of(pages[day], facts(day)) for day in context.partition_keys},
                side_by_side,
            )

        @dg.asset(partitions_def=THINGS_DAYS, backfill_policy=dg.BackfillPolicy.single_run())
        def reader(raw_things: PagesByDay) -> None:
            seen.update({day: bodies_of(stream) for day, stream in raw_things.items()})

    dg.materialize(
        [raw_things if pages else raw_things.to_source_asset(), reader],
        resources={"io_manager": PartitionDirectoryIOManager(str(base_dir), JsonPages())},
        instance=instance,
        tags={**range_tags(first, last or first), **(tags or {})},
    )
    return seen


def times_recorded(instance: dg.DagsterInstance) -> dict[str | None, int]:
    """Count the materializations of each day."""
    records = instance.fetch_materializations(THINGS, limit=100).records
    return dict(Counter(record.partition_key for record in records))
