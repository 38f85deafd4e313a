"""Where partitions lie: the asset `LAYER_NAME` keeps its days in `BASE_DIR/LAYER/NAME/DAY/`.

The IO manager maps partitions to directories, has them published and records what was stored. The
files in a directory are the business of a format (`formats`), their safe replacement that of
`publish`; it knows neither assets nor where streams come from.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from typing import Any

import dagster as dg
import tenacity

from sales_assets.feed.batch import DayBatch, one_line
from sales_assets.feed.progress import Progress
from sales_assets.feed.stream import DayStream, StaleDayError, StreamsByDay
from sales_assets.storage.changes import changes
from sales_assets.storage.formats import PartitionFormat, content_sha256
from sales_assets.storage.location import Location, location
from sales_assets.storage.quarantine import Quarantine
from sales_assets.storage.replace import ReplacedError, reading, replacing

_READINGS = 3


class NoPartitionsError(dg.Failure):
    """A run asks for no partition at all."""


class MissingPartitionError(dg.Failure):
    """A partition that is to be read was never stored."""


class PartitionDirectoryIOManager(dg.IOManager):
    """Stores each day of a mapping as a directory, and reads such directories back lazily.

    Not built on Dagster's `UPathIOManager`, which refuses several partitions at once.

    Attributes:
        base: Root of the storage.
        format: What a directory holds.
    """

    def __init__(self, base_dir: str, partition_format: PartitionFormat[Any]) -> None:
        """Keep partitions of `partition_format` below `base_dir`, a local path or a URL."""
        self.base = location(base_dir)
        self.format = partition_format

    def handle_output(  # type: ignore[override]  # a generator is welcome, too
        self, context: dg.OutputContext, obj: StreamsByDay[Any]
    ) -> Iterator[dg.DagsterEvent]:
        """Replace the directory of each day, and record for each day what was stored.

        A day that fails does not keep the days after it from being stored.

        Raises:
            NoPartitionsError: The run has no partitions, as with a reversed range.
            FailedDaysError: Days of a range failed. A run of one day fails with that day's error.
        """
        days = context.asset_partition_keys
        if not days:
            raise NoPartitionsError(
                f"{context.asset_key.to_user_string()}: no partition is selected. A range goes "
                "from its first day to its last, as in 2022-08-09...2022-09-08"
            )
        asset = context.asset_key.to_user_string()
        batch = DayBatch(asset, days)

        def store(day: str) -> dict[str, Any]:
            return self._store(context.asset_key, day, obj[day], batch)

        try:
            with closing(Progress(asset, len(days), context.log)) as progress:
                batch.run(store, obj.side_by_side, progress)
        except BaseException:
            # Dagster records nothing of an asset that fails, or whose run is stopped.
            for day, metadata in sorted(batch.stored.items()):
                materialization = dg.AssetMaterialization(
                    context.asset_key, metadata=metadata, partition=day
                )
                yield dg.DagsterEvent.asset_materialization(context.step_context, materialization)
            raise
        for day, metadata in sorted(batch.stored.items()):
            context.step_context.add_asset_metadata(
                metadata, asset_key=context.asset_key, partition_key=day
            )

    def load_input(self, context: dg.InputContext) -> StreamsByDay[Any]:
        """Open the days that a run asks for; each is read only when its stream is.

        Raises:
            MissingPartitionError: A day has no directory.
        """
        streams = {}
        for day in context.asset_partition_keys:
            directory, stem = self._place(context.asset_key, day)
            if not directory.exists():
                raise MissingPartitionError(
                    f"{context.asset_key.to_user_string()} has no {day} ({directory} does not "
                    f"exist): materialize it first"
                )
            streams[day] = DayStream(partial(self._read, directory, stem))
        return self.format.streams(streams)

    def directory(self, asset_key: dg.AssetKey, day: str) -> Location:
        """Give the directory of a day, which need not be there."""
        return self._place(asset_key, day)[0]

    def quarantine(self, asset_key: dg.AssetKey, day: str) -> Quarantine:
        """Give the place of the records that a day was stored without."""
        return Quarantine(self.base, self._place(asset_key, day)[0].parent.name, day)

    @contextmanager
    def files(self, asset_key: dg.AssetKey, day: str) -> Iterator[Sequence[Location]]:
        """Give the files of a stored day, in the order of their content, for as long as it lasts.

        Raises:
            MissingPartitionError: The day has no directory.
            InvalidPartitionError: The directory holds something else, or lacks something.
            ReplacedError: The day was replaced meanwhile.
        """
        directory, stem = self._place(asset_key, day)
        if not directory.exists():
            raise MissingPartitionError(f"{directory} does not exist: materialize it")
        with reading(directory, self.base):
            yield self.format.files(directory, stem)

    def _store(
        self, key: dg.AssetKey, day: str, stream: DayStream[Any], batch: DayBatch
    ) -> dict[str, Any]:
        directory, stem = self._place(key, day)

        quarantine = self.quarantine(key, day)

        def write() -> dict[str, Any]:
            with replacing(directory, self.base) as new:
                self.format.write(batch.until_stopped(stream), new, stem)
                stored = self._describe(new, stem)
                stored |= self._change(key, day, new, stored["sha256"])
                if stream.rejected is not None:
                    stored["rejected_rows"] = len(stream.rejected)
                if stream.rejected:
                    stored |= quarantine.publish(stream.rejected)
            if stream.rejected is not None and not stream.rejected:
                quarantine.clear()
            return stored

        again_if_stale = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type((StaleDayError, ReplacedError)),
            stop=tenacity.stop_after_attempt(_READINGS),
            reraise=True,
        )
        stored = again_if_stale(write)
        return {**stream.metadata, "path": dg.MetadataValue.path(str(directory)), **stored}

    def _read(self, directory: Location, stem: str) -> Iterator[Any]:
        with reading(directory, self.base):
            yield from self.format.read(self.format.files(directory, stem))

    def _place(self, key: dg.AssetKey, day: str) -> tuple[Location, str]:
        layer, _, name = key.path[-1].partition("_")
        return self.base / layer / name / day, f"{name}_{day}"

    def _change(self, key: dg.AssetKey, day: str, new: Location, digest: str) -> dict[str, Any]:
        """Say what a day that is about to be published changes against the one it replaces."""
        if not self.directory(key, day).exists():
            return {"change": "first version"}
        try:
            with self.files(key, day) as old:
                if content_sha256(old) == digest:
                    return {"change": "unchanged", "rows_added": 0, "rows_removed": 0}
                _, stem = self._place(key, day)
                return changes(
                    self.format.rows(old), self.format.rows(self.format.files(new, stem))
                )
        except Exception as error:
            # A damaged day fails in any way, and must not keep a whole one from replacing it.
            return {"change": f"replaces a day that could not be read: {one_line(error)}"}

    def _describe(self, directory: Location, stem: str) -> dict[str, Any]:
        files = self.format.files(directory, stem)
        return {
            "files": len(files),
            "bytes": sum(path.stat().st_size for path in files),
            "sha256": content_sha256(files),
        }
