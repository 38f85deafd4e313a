"""Where partitions lie: the asset `LAYER_NAME` keeps its days in `BASE_DIR/LAYER/NAME/DAY/`.

The IO manager maps partitions to directories, has them replaced and records what was stored. The
files in a directory are the business of a format, their safe replacement that of `replace`; it
knows neither assets nor where streams come from.
"""

import time
from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any

import dagster as dg
import tenacity

from sales_assets.feed.batch import DayBatch, one_line
from sales_assets.feed.progress import Progress
from sales_assets.feed.recorded import STORED_AT, recorded_days
from sales_assets.feed.stream import DayStream, Facts, StaleDayError, StreamsByDay
from sales_assets.storage.changes import changes
from sales_assets.storage.location import Location, leads_to, location
from sales_assets.storage.partition_format import PartitionFormat
from sales_assets.storage.quarantine import Quarantine
from sales_assets.storage.replace import ReplacedError, directories_of
from sales_assets.storage.stored_day import describe

_READINGS = 3

BASE_DIR_TAG = "sales_assets/base_dir"
"""Tag of a run that is meant for the storage with this root alone."""


class NoPartitionsError(dg.Failure):
    """A run asks for no partition at all."""


class MissingPartitionError(dg.Failure):
    """A partition that is to be read was never stored."""


class OtherStorageError(dg.Failure):
    """A run is meant for another storage than this one."""


class PartitionDirectoryIOManager(dg.IOManager):
    """Stores each day of a mapping as a directory, and reads such directories back lazily.

    Not built on Dagster's `UPathIOManager`, which refuses several partitions at once.

    Attributes:
        base: Root of the storage.
        format: What a directory holds.
        directories: How directories are replaced and read.
    """

    def __init__(self, base_dir: str, partition_format: PartitionFormat[Any]) -> None:
        """Keep partitions of `partition_format` below `base_dir`, a local path or a URL."""
        self.base = location(base_dir)
        self.format = partition_format
        self.directories = directories_of(self.base)
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
        """
        key, days = context.asset_key, context.asset_partition_keys
        asset = key.to_user_string()
        self._require_ours(context.step_context.run_tags)
        if not days:
            raise NoPartitionsError(
                f"{asset}: no partition is selected. A range goes "
                "from its first day to its last, as in 2022-08-09...2022-09-08"
            )
        batch = DayBatch(asset, days)

        def store(day: str) -> dict[str, Any]:
            return self._store(key, day, obj[day], batch)

        try:
            with closing(Progress(asset, len(days), context.log)) as progress:
                batch.run(store, obj.side_by_side, progress)
        except BaseException:
            # Dagster records nothing of an asset that fails, or whose run is stopped.
            for day, metadata in sorted(batch.stored.items()):
                materialization = dg.AssetMaterialization(
                    key, metadata=self._as_it_lies(key, day, metadata), partition=day
                )
                yield dg.DagsterEvent.asset_materialization(context.step_context, materialization)
            raise
        for day, metadata in sorted(batch.stored.items()):
            context.step_context.add_asset_metadata(
                self._as_it_lies(key, day, metadata), asset_key=key, partition_key=day
            )

    def load_input(self, context: dg.InputContext) -> StreamsByDay[Any]:
        """Open the days that a run asks for; each is read only when its stream is.

        Raises:
            MissingPartitionError: A day has no directory.
        """
        key, days = context.asset_key, context.asset_partition_keys
        for day in days:
            self._require(key, day)
        return self.format.streams({day: DayStream(self._reader(key, day)) for day in days})

    def directory(self, asset_key: dg.AssetKey, day: str) -> Location:
        """Give the directory of a day, which need not be there."""
        return self._place(asset_key, day)[0]

    def quarantine(self, asset_key: dg.AssetKey, day: str) -> Quarantine:
        """Give the place of the records that a day was stored without."""
        return Quarantine(self.base, self._place(asset_key, day)[0].parent.name, day)

    def recorded(
        self,
        instance: dg.DagsterInstance,
        asset_key: dg.AssetKey,
        days: Collection[str] | None = None,
    ) -> dict[str, dict[str, Any]]:
        """Fetch what was recorded of each day in this storage, as `recorded_days` does."""

        def is_here(day: str, path: str) -> bool:
            return leads_to(path, self.directory(asset_key, day))

        return recorded_days(instance, asset_key, is_here, days)

    @contextmanager
    def files(self, asset_key: dg.AssetKey, day: str) -> Iterator[Sequence[Location]]:
        """Give the files of a stored day, in the order of their content, for as long as it lasts.

        Raises:
            MissingPartitionError: The day has no directory.
            InvalidPartitionError: The directory lacks something.
            ReplacedError: The day was replaced meanwhile.
        """
        self._require(asset_key, day)
        directory, stem = self._place(asset_key, day)
        with self.directories.reading(directory):
            yield self.format.files(directory, stem)

    def strangers(self, asset_key: dg.AssetKey, day: str) -> list[Location]:
        """List what lies in the directory of a stored day and is not ours."""
        return self.format.strangers(*self._place(asset_key, day))

    def describe(self, asset_key: dg.AssetKey, day: str) -> dict[str, Any]:
        """Describe the files of a day, having read all of them.

        Raises:
            MissingPartitionError: The day has no directory.
            InvalidPartitionError: It is not whole.
            ReplacedError: The day was replaced meanwhile.
        """
        with self.files(asset_key, day) as files:
            for _ in self.format.read(files):
                pass
            rows = self.format.count_rows(files)
            return {
                "dagster/row_count": rows,
                "dagster/partition_row_count": rows,
                **describe(files),
            }

    def metadata(self, asset_key: dg.AssetKey, day: str) -> dict[str, Any]:
        """Say of a stored day what its materialization would, as far as the storage tells.

        Raises:
            MissingPartitionError: The day has no directory.
            InvalidPartitionError: It is not whole.
            ReplacedError: The day was replaced meanwhile.
        """
        # Taken before reading: a day that is replaced while it is read is stored later than this.
        placed = self._placed(asset_key, day)
        stored = self.describe(asset_key, day)
        if self.format.has_rejects:
            quarantine = self.quarantine(asset_key, day)
            stored |= {"rejected_rows": quarantine.count(), **quarantine.stored()}
        return stored | placed

    def _store(
        self, key: dg.AssetKey, day: str, stream: DayStream[Any], batch: DayBatch
    ) -> dict[str, Any]:
        directory, stem = self._place(key, day)
        quarantine = self.quarantine(key, day)
        places = [quarantine.directory, directory] if self.format.has_rejects else [directory]

        def write() -> dict[str, Any]:
            stored: dict[str, Any] = {}
            reading = stream.reading()

            @contextmanager
            def exchange() -> Iterator[None]:
                if not reading.result.is_current():
                    raise ReplacedError(
                        f"{day}: what {directory} is made from was replaced: run again"
                    )
                yield
                stored.update(self._placed(key, day))
                self._states[key, day] = self.directories.state(directory)

            with self.directories.replacing(*places, around=exchange) as new:
                self.format.write(batch.until_stopped(reading), new[-1], stem)
                files = self.format.files(new[-1], stem)
                stored |= {**reading.result.metadata, **describe(files)}
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

    def _placed(self, key: dg.AssetKey, day: str) -> dict[str, Any]:
        return {
            "path": dg.MetadataValue.path(str(self.directory(key, day))),
            STORED_AT: dg.MetadataValue.timestamp(time.time()),
        }

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

    def _reader(self, key: dg.AssetKey, day: str) -> Any:
        directory, stem = self._place(key, day)

        def read() -> Generator[Any, None, Facts]:
            state = self.directories.state(directory)
            with self.directories.reading(directory):
                yield from self.format.read(self.format.files(directory, stem))
            return Facts(is_current=lambda: self.directories.state(directory) == state)

        return read

    def _place(self, key: dg.AssetKey, day: str) -> tuple[Location, str]:
        layer, _, name = key.path[-1].partition("_")
        return self.base / layer / name / day, f"{name}_{day}"

    def _require(self, key: dg.AssetKey, day: str) -> None:
        directory = self.directory(key, day)
        if not self.directories.exists(directory):
            raise MissingPartitionError(
                f"{key.to_user_string()} has no {day} ({directory} does not exist): materialize it "
                "first"
            )

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
        if not self.directories.exists(self.directory(key, day)):
            return {"change": "first version"}
        try:
            with self.files(key, day) as old:
                if describe(old)["sha256"] == digest:
                    return {"change": "unchanged", "rows_added": 0, "rows_removed": 0}
                return changes(self.format.rows(old), self.format.rows(new))
        except Exception as error:
            # A damaged day fails in any way, and must not keep a whole one from replacing it.
            return {"change": f"replaces a day that could not be read: {one_line(error)}"}
