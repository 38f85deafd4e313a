"""Stores the days of a run as directories, records what was stored, and reads days for a run.

The files in a directory are the business of a format, their safe replacement that of `replace`; the
IO manager knows neither assets nor where streams come from.
"""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import Any

import dagster as dg
import tenacity

from sales_assets.feed.remedy import command
from sales_assets.feed.stream import DayStream, Facts, StaleDayError, StreamsByDay, UpstreamDayError
from sales_assets.storage.batch import DayBatch, one_line, text_of
from sales_assets.storage.changes import changes
from sales_assets.storage.day_directories import DayDirectories
from sales_assets.storage.location import Location, leads_to, location
from sales_assets.storage.partition_format import PartitionFormat
from sales_assets.storage.progress import Progress
from sales_assets.storage.replace import Publish, ReplacedError
from sales_assets.storage.standing import Standing
from sales_assets.storage.stored_day import describe, discrepancies

_READINGS = 3
_NAMED_DAYS = 10

BASE_DIR_TAG = "sales_assets/base_dir"
"""Tag of a run that is meant for the storage with this root alone."""


class NoPartitionsError(dg.Failure):
    """A run asks for no partition at all."""


class OtherStorageError(dg.Failure):
    """A run is meant for another storage than this one."""


class UnlikeRecordedError(UpstreamDayError):
    """A stored day is not what was recorded of it."""


class PartitionDirectoryIOManager(DayDirectories, dg.IOManager):
    """Stores each day of a mapping as a directory, and reads such directories back lazily.

    Not built on Dagster's `UPathIOManager`, which refuses several partitions at once.
    """

    def __init__(self, base_dir: str, partition_format: PartitionFormat[Any]) -> None:
        """Keep partitions of `partition_format` below `base_dir`, a local path or a URL."""
        super().__init__(base_dir, partition_format)
        self._states: dict[tuple[dg.AssetKey, str], object] = {}

    def handle_output(  # type: ignore[override]  # a generator is welcome, too
        self, context: dg.OutputContext, obj: StreamsByDay[Any]
    ) -> Iterator[dg.DagsterEvent]:
        """Replace the directory of each day, and record for each day what was stored.

        A day that fails does not keep the days after it from being stored.

        Raises:
            NoPartitionsError: The run has no partitions, as with a reversed range.
            OtherStorageError: The run is meant for another storage.
            FailedDaysError: Days of a range failed. A run of one day fails with that day's error.
            GivenUpRunError: The run ended for Dagster while its process went on.
        """
        key, days = context.asset_key, context.asset_partition_keys
        asset = key.to_user_string()
        self._require_ours(context.step_context.run_tags)
        if not days:
            raise NoPartitionsError(
                f"{asset}: no partition is selected. A range goes "
                "from its first day to its last, as in 2022-08-09...2022-09-08"
            )
        graph = context.step_context.job_def.asset_layer.asset_graph
        downstream = sorted(child.to_user_string() for child in graph.get(key).child_keys)
        upstream = sorted(parent.to_user_string() for parent in graph.get(key).parent_keys)
        batch = DayBatch(asset, days, downstream, upstream)
        standing = Standing(context.step_context.instance, context.run_id)

        def store(day: str) -> dict[str, Any]:
            return self._store(key, day, obj[day], batch, standing)

        progress = Progress(asset, days, context.log)
        try:
            batch.run(store, obj.side_by_side, progress)
        except BaseException:
            standing.require()
            # Dagster records nothing of an asset that fails, or whose run is stopped.
            for day, metadata in sorted(batch.stored.items()):
                materialization = dg.AssetMaterialization(
                    key, metadata=self._as_it_lies(key, day, metadata), partition=day
                )
                yield dg.DagsterEvent.asset_materialization(context.step_context, materialization)
            for day, error in sorted(batch.failed.items()):
                observation = dg.AssetObservation(
                    key,
                    description=f"This day could not be stored: {text_of(error)}",
                    metadata={
                        "remedy": command([*batch.to_run_after([error]), *downstream], [day])
                    },
                    partition=day,
                )
                yield dg.DagsterEvent.asset_observation(context.step_context, observation)
            raise
        progress.end(batch.stored)
        standing.require()
        for day, metadata in sorted(batch.stored.items()):
            context.step_context.add_asset_metadata(
                self._as_it_lies(key, day, metadata), asset_key=key, partition_key=day
            )

    def load_input(self, context: dg.InputContext) -> StreamsByDay[Any]:
        """Open the days that a run asks for; each is read only when its stream is.

        A day is compared with what was recorded of it while it is read. One of which nothing is
        recorded is taken as it lies there, and what is made from it says so.

        Raises:
            MissingPartitionError: A day has no directory; raised when its stream is read.
        """
        key, days = context.asset_key, context.asset_partition_keys
        recorded = self.recorded(context.instance, key, days)
        if unknown := [day for day in days if day not in recorded]:
            context.log.warning(
                f"{key.to_user_string()}: {len(unknown)} of {len(days)} days were never recorded; "
                f"what lies there is taken as it is: {', '.join(unknown[:_NAMED_DAYS])}"
                + (" and more" if len(unknown) > _NAMED_DAYS else "")
            )

        def problem(day: str, stored: Mapping[str, Any]) -> str:
            found = _differences(recorded[day], stored) if day in recorded else ""
            if found:
                # Another run may have stored and recorded it in between.
                latest = self.recorded(context.instance, key, [day])
                found = _differences(latest.get(day, recorded[day]), stored)
            return found

        def reader(day: str) -> Callable[[], Generator[Any, None, Facts]]:
            directory = self.directory(key, day)

            def read() -> Generator[Any, None, Facts]:
                with self.version(key, day) as (files, state):
                    stored = yield from self.format.read_and_describe(files)
                if wrong := problem(day, stored):
                    raise UnlikeRecordedError(
                        f"{day}: {key.to_user_string()}: {wrong}; if a run that stores it is still "
                        "under way, run this one again after that"
                    )
                return Facts(
                    {} if day in recorded else {"never_recorded": str(directory)},
                    is_current=lambda: self.directories.state(directory) == state,
                )

            return read

        return self.format.streams({day: DayStream(reader(day)) for day in days})

    def _store(
        self,
        key: dg.AssetKey,
        day: str,
        stream: DayStream[Any],
        batch: DayBatch,
        standing: Standing,
    ) -> dict[str, Any]:
        directory, stem = self.place(key, day)
        quarantine = self.quarantine(key, day)
        places = [quarantine.directory, directory] if self.format.has_rejects else [directory]

        def write() -> dict[str, Any]:
            stored: dict[str, Any] = {}
            reading = stream.reading()

            def exchange(publish: Publish) -> None:
                if not reading.result.is_current():
                    raise ReplacedError(
                        f"{day}: what {directory} is made from was replaced: run again"
                    )
                standing.require(lately=True)
                self._states[key, day] = publish()[-1]
                stored.update(self.placed(key, day))

            with self.directories.replacing(*places, around=exchange) as new:
                self.format.write(batch.until_stopped(reading), new[-1], stem)
                files = self.format.files(new[-1], stem)
                stored |= {
                    **reading.result.metadata,
                    **self.format.counts(files),
                    **describe(files),
                }
                stored |= self._change(key, day, files, stored["sha256"])
                if self.format.has_rejects:
                    stored |= quarantine.write(reading.result.rejects, new[0])
            return stored

        again_if_stale = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type((StaleDayError, ReplacedError)),
            stop=tenacity.stop_after_attempt(_READINGS),
            reraise=True,
        )
        return again_if_stale(write)

    def _as_it_lies(self, key: dg.AssetKey, day: str, metadata: dict[str, Any]) -> dict[str, Any]:
        """Give what is to be recorded of a day that was stored a while ago.

        Another run may have replaced it since; then what lies there now is recorded.
        """
        if self.directories.state(self.directory(key, day)) == self._states[key, day]:
            return metadata
        try:
            return self.metadata(key, day)
        except Exception:
            # It is just being replaced, or damaged, which fails in any way: ours is what was right.
            return metadata

    def _require_ours(self, tags: Mapping[str, str]) -> None:
        root = tags.get(BASE_DIR_TAG)
        if root is not None and not leads_to(str(location(root)), self.base):
            raise OtherStorageError(
                f"this run is for the storage below {root} (its tag {BASE_DIR_TAG} says so), and "
                f"BASE_DIR is {self.base}: ask the HTTP job for it again, or start a new run for "
                "BASE_DIR"
            )

    def _change(
        self, key: dg.AssetKey, day: str, new: Sequence[Location], digest: str
    ) -> dict[str, Any]:
        """Say what a day that is about to be published changes against the one it replaces."""
        if self.directories.state(self.directory(key, day)) is None:
            return {"change": "first version"}
        try:
            with self.files(key, day) as old:
                if describe(old)["sha256"] == digest:
                    return {"change": "unchanged", "rows_added": 0, "rows_removed": 0}
                return changes(self.format.rows(old), self.format.rows(new))
        except Exception as error:
            # A damaged day fails in any way, and must not keep a whole one from replacing it.
            return {"change": f"replaces a day that could not be read: {one_line(error)}"}


def _differences(recorded: Mapping[str, Any], stored: Mapping[str, Any]) -> str:
    return "; ".join(
        one.detail for one in discrepancies(recorded, stored, recorded["dagster/row_count"])
    )
