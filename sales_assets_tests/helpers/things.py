"""Assets of pages, stored by the IO manager with nothing else around."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg

from sales_assets.feed.daily import knowingly
from sales_assets.feed.page import Page
from sales_assets.feed.stream import DayStream, PagesByDay
from sales_assets.storage.evaluation import Finding, daily_check
from sales_assets.storage.io_manager import PartitionDirectoryIOManager
from sales_assets.storage.json_pages import JsonPages
from sales_assets_tests.helpers.pipeline import range_tags
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


class Things:
    """An asset of pages and one that reads them, below one root and recorded by one instance."""

    def __init__(self, base_dir: object, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        self.manager = PartitionDirectoryIOManager(str(base_dir), JsonPages())

    def store(
        self,
        pages: Mapping[str, list[bytes]],
        side_by_side: int = 1,
        span: tuple[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> dict[str, list[bytes]]:
        """Store pages with one asset and read them with the next; give what the second one got.

        `span` has the first and the last day of the run, unless they are those of the pages.
        """
        seen: dict[str, list[bytes]] = {}
        with knowingly():

            @dg.asset(partitions_def=THINGS_DAYS, backfill_policy=dg.BackfillPolicy.single_run())
            def raw_things(context: dg.AssetExecutionContext) -> PagesByDay:
                streams = {
                    day: stream_of(pages[day], {"source": day, "dagster/row_count": 0})
                    for day in context.partition_keys
                }
                return PagesByDay(streams, side_by_side)

            @dg.asset(partitions_def=THINGS_DAYS, backfill_policy=dg.BackfillPolicy.single_run())
            def reader(raw_things: PagesByDay) -> None:
                seen.update({day: bodies_of(stream) for day, stream in raw_things.items()})

        dg.materialize(
            [raw_things, reader],
            resources={"io_manager": self.manager},
            instance=self.instance,
            tags={**range_tags(*(span or (min(pages), max(pages)))), **(tags or {})},
        )
        return seen

    def open(self) -> DayStream[Page]:
        """Open the first day as an asset that is made of it would."""
        with dg.build_input_context(
            asset_key=THINGS,
            asset_partitions_def=THINGS_DAYS,
            asset_partition_key_range=dg.PartitionKeyRange(DAY, DAY),
            instance=self.instance,
        ) as context:
            stream: DayStream[Page] = self.manager.load_input(context)[DAY]
        return stream

    @property
    def recorded(self) -> dict[str, dict[str, Any]]:
        """What is recorded, by day."""
        return self.manager.recorded(self.instance, THINGS)

    @property
    def times_recorded(self) -> dict[str | None, int]:
        """How often each day was recorded."""
        records = self.instance.fetch_materializations(THINGS, limit=100).records
        return dict(Counter(record.partition_key for record in records))

    @property
    def observations(self) -> list[dg.AssetObservation]:
        """What was observed of days."""
        records = self.instance.fetch_observations(THINGS, limit=9).records
        return [record.asset_observation for record in records if record.asset_observation]


WRONG, LAST = "2022-08-10", "2022-08-13"
STATUSES = ["SUCCEEDED", "FAILED", "SUCCEEDED", "SUCCEEDED", "SUCCEEDED"]
PAGES = {"pages": PartitionDirectoryIOManager("memory://checked", JsonPages())}

with knowingly():

    @dg.asset(
        partitions_def=THINGS_DAYS,
        backfill_policy=dg.BackfillPolicy.single_run(),
        io_manager_key="pages",
    )
    def things(context: dg.AssetExecutionContext) -> PagesByDay:
        """A page of each day."""
        rows = {"dagster/row_count": 0}
        return PagesByDay({day: stream_of([b"[]"], rows) for day in context.partition_keys})


things_are_right = daily_check(
    things,
    lambda _, day: Finding("bad" * (day == WRONG), {"rows": 3}),
    name="are_right",
    description="One of the days is wrong.",
)


def judge_days(
    check: dg.AssetChecksDefinition,
    instance: dg.DagsterInstance | None = None,
    last: str = LAST,
) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        [things, check],
        resources=PAGES,
        instance=instance,
        tags=range_tags(DAY, last),
        raise_on_error=False,
    )


def check_days(instance: dg.DagsterInstance) -> list[Any]:
    """Make the days and check them; give the events of the run."""
    return list(instance.all_logs(judge_days(things_are_right, instance).run_id))


def is_evaluation(event: Any) -> bool:
    return bool(event.dagster_event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION)
