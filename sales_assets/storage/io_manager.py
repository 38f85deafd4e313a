"""Stores the days of a run as directories, records what was stored, and reads days for a run.

A format handles the files in a directory, and `replace` their safe replacement.
"""

from collections.abc import Generator, Iterator, Mapping
from functools import partial
from typing import Any

import dagster as dg
import tenacity

from sales_assets.feed.days import NoPartitionsError
from sales_assets.feed.remedy import boxes, command, say_what_to_run, text_of
from sales_assets.feed.stream import (
    DayStream,
    StaleDayError,
    StreamResult,
    StreamsByDay,
    TornDayError,
    UpstreamDayError,
)
from sales_assets.storage.batch import DayBatch, RunGuard, advise_on_events
from sales_assets.storage.changes import FIRST, KeptRowsError, change
from sales_assets.storage.comparison import content_difference
from sales_assets.storage.day_directories import DayDirectories
from sales_assets.storage.files import describe
from sales_assets.storage.location import BASE_DIR_TAG, require_storage
from sales_assets.storage.recorded import MADE_FROM, STAMP, Record, next_stamp
from sales_assets.storage.replace import ReplacedError

_READINGS = 3


class UnlikeRecordedError(UpstreamDayError):
    """A stored day differs from its record."""


class PartitionDirectoryIOManager(DayDirectories, dg.IOManager):
    """Stores each day of a mapping as a directory, and reads such directories back lazily.

    Not based on Dagster's `UPathIOManager`, which cannot store several partitions at once.
    """

    def handle_output(  # type: ignore[override]  # a generator is welcome, too
        self, context: dg.OutputContext, obj: StreamsByDay[Any]
    ) -> Iterator[dg.DagsterEvent]:
        """Replace the directory of each day, and record what was stored.

        Raises:
            NoPartitionsError: The run has no partitions, as for a reversed range.
            OtherStorageError: The run is meant for another storage.
            FailedDaysError: Days of a range failed. A run of one day fails with that day's error.
            GivenUpRunError: Dagster has ended the run, but its process is still running.
        """
        key, days = context.asset_key, context.asset_partition_keys
        asset, step = key.to_user_string(), context.step_context
        require_storage(step.run_tags, self.base)
        if not days:
            raise NoPartitionsError(asset)
        node = step.job_def.asset_layer.asset_graph.get(key)
        downstream = sorted(child.to_user_string() for child in node.child_keys)
        upstream = sorted(parent.to_user_string() for parent in node.parent_keys)
        batch = DayBatch(asset, days, context.log, downstream, upstream)
        guard = RunGuard(step.instance, context.run_id)
        states: dict[str, object] = {}

        def store(day: str) -> dict[str, Any]:
            metadata, states[day] = self._store(key, day, obj[day], batch, guard)
            return metadata

        # Once a run: by the asset that the others are made from.
        if not any(stream.made_from for stream in obj.values()):
            advise_on_events(context.log, step.instance, days)
        try:
            batch.run(store, obj.side_by_side)
        except BaseException as failure:
            guard.require()
            # Dagster records nothing for an asset that fails, or whose run is stopped.
            for day, metadata in self._to_record(step.instance, key, batch.stored, states):
                materialization = dg.AssetMaterialization(key, metadata=metadata, partition=day)
                yield dg.DagsterEvent.asset_materialization(step, materialization)
            for day, error in sorted(batch.failed.items()):
                remedy = command([*batch.to_run_after([error]), *downstream], day, day)
                tried = {MADE_FROM: obj[day].made_from} if obj[day].made_from else {}
                observation = dg.AssetObservation(
                    key,
                    description=f"This day could not be stored: {text_of(error)}",
                    metadata={"remedy": remedy, **tried, **self.path(key, day)},
                    partition=day,
                )
                yield dg.DagsterEvent.asset_observation(step, observation)
                # It stores the day below BASE_DIR, not at the path in the request of an HTTP job.
                if error is failure and BASE_DIR_TAG not in step.run_tags:
                    say_what_to_run(error, remedy)
            raise
        batch.log_result()
        guard.require()
        for day, metadata in self._to_record(step.instance, key, batch.stored, states):
            step.add_asset_metadata(metadata, asset_key=key, partition_key=day)

    def load_input(self, context: dg.InputContext) -> StreamsByDay[Any]:
        """Open the days that a run needs; each is read only when its stream is.

        A day is compared with its record while it is read. A day without a record is used as it
        is, which is noted in the days made from it.

        Raises:
            MissingPartitionError: A day has no directory; raised when its stream is read.
        """
        key, days = context.asset_key, context.asset_partition_keys
        recorded = self.known(context.instance, key, days)
        if unknown := [day for day in days if day not in recorded]:
            context.log.warning(
                f"{key.to_user_string()}: {len(unknown)} of {len(days)} days were never recorded; "
                f"using them as they are: {boxes(unknown)}"
            )

        def open_day(day: str) -> DayStream[Any]:
            record = recorded.get(day)
            read = partial(self._read, context.instance, key, day, record)
            return DayStream(read, made_from=record["sha256"] if record else "")

        return self.format.streams({day: open_day(day) for day in days})

    def _read(
        self, instance: dg.DagsterInstance, key: dg.AssetKey, day: str, recorded: Record | None
    ) -> Generator[Any, None, StreamResult]:
        directory = self.directory(key, day)
        with self.reading(key, day) as (files, state):
            stored = yield from self.format.read_and_describe(files)
        if recorded and content_difference(recorded, stored):
            # Another run may have stored and recorded it in the meantime.
            latest = self.recorded(instance, key, [day]).get(day, recorded)
            if wrong := content_difference(latest, stored):
                raise UnlikeRecordedError(
                    f"{day}: {key.to_user_string()}: {wrong}; if a run is still storing it, rerun "
                    "this one afterwards"
                )
        unknown = {} if recorded else {"never_recorded": str(directory)}
        return StreamResult(
            {MADE_FROM: stored["sha256"], **unknown},
            is_current=lambda: self.directories.state(directory) == state,
        )

    @tenacity.retry(
        retry=tenacity.retry_if_exception_type((StaleDayError, ReplacedError, TornDayError)),
        stop=tenacity.stop_after_attempt(_READINGS),
        reraise=True,
    )
    def _store(
        self,
        key: dg.AssetKey,
        day: str,
        stream: DayStream[Any],
        batch: DayBatch,
        guard: RunGuard,
    ) -> tuple[dict[str, Any], object]:
        """Store a day; return its metadata, and the `state` of its directory."""
        directory, stem = self.place(key, day)
        quarantine = self.quarantine(key, day)
        places = [quarantine.directory, directory] if self.has_quarantine else [directory]

        def check() -> None:
            if not stream.result.is_current():
                raise ReplacedError(f"{day}: the source of {directory} was replaced: run again")
            guard.require(recent=True)

        with self.directories.replacing(*places) as replacement:
            new = replacement.new[-1]
            self.format.write(batch.until_stopped(stream), new, stem)
            files = self.format.files(new, stem)
            stored = {**stream.result.metadata, **describe(files), **self.path(key, day)}
            changed = change(self, key, day, files, stored["sha256"])
            # Rows that could not be counted may be removed, too.
            removes_rows = changed.get("rows_removed", changed["change"] != FIRST)
            if stream.result.keeps_rows and removes_rows:
                raise KeptRowsError(key.to_user_string(), day)
            stored |= changed
            if self.has_quarantine:
                stored |= quarantine.write(stream.result.rejects, replacement.new[0])
            return stored, replacement.publish(check)

    def _to_record(
        self,
        instance: dg.DagsterInstance,
        key: dg.AssetKey,
        stored: Mapping[str, dict[str, Any]],
        states: Mapping[str, object],
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """Return what to record for each day that this run has stored.

        If another run has replaced a day since, its current content is recorded.
        """
        before = self.recorded(instance, key, stored)
        for day, metadata in sorted(stored.items()):
            theirs, found = before.get(day, {}), metadata
            stamp = next_stamp(theirs)
            if self.directories.state(self.directory(key, day)) != states[day]:
                try:
                    found = self.metadata(key, day)
                except Exception:
                    # It is damaged, which may raise any error, or is being replaced again. Without
                    # knowing what is stored, prefer any other record to ours.
                    stamp = 0.0
                else:
                    if MADE_FROM in metadata:
                        is_theirs = theirs and not content_difference(theirs, found)
                        found[MADE_FROM] = theirs.get(MADE_FROM, "") if is_theirs else ""
            yield day, {**found, STAMP: dg.MetadataValue.timestamp(stamp)}
