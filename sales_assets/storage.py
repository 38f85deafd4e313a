"""Where partitions lie: the asset `LAYER_NAME` keeps its days in `BASE_DIR/LAYER/NAME/DAY/`.

The IO manager maps partitions to directories, has them published and records what was stored. The
files in a directory are the business of a format (`formats`), their safe replacement that of
`publish`; it knows neither assets nor where streams come from.
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg
from upath import UPath

from sales_assets.day_stream import DayStream
from sales_assets.formats import PartitionFormat, content_sha256
from sales_assets.publish import replacing


class NoPartitionsError(dg.Failure):
    """A run asks for no partition at all."""


class MissingPartitionError(dg.Failure):
    """A partition that is to be read was never stored."""


class PartitionDirectoryIOManager(dg.IOManager):
    """Stores each day of a mapping as a directory, and reads such directories back lazily.

    Not built on Dagster's `UPathIOManager`, which refuses several partitions at once.
    """

    def __init__(self, base_dir: str, partition_format: PartitionFormat[Any]) -> None:
        """Keep partitions of `partition_format` below `base_dir`, a local path or a URL."""
        base = UPath(base_dir)
        # Only a plain local path can be published by a rename; file://... is one, too.
        self._base = UPath(base.path) if base.protocol in ("file", "local") else base
        self._format = partition_format

    def handle_output(self, context: dg.OutputContext, obj: dict[str, DayStream[Any]]) -> None:
        """Replace the directory of each day, and record for each day what was stored.

        Raises:
            NoPartitionsError: The run has no partitions, as with a reversed range.
            PublishError: A directory cannot be put where it should be.
        """
        keys = context.asset_partition_keys
        if not keys:
            raise NoPartitionsError(
                f"{context.asset_key.to_user_string()}: no partition is selected. A range goes "
                "from its first day to its last, as in 2022-08-09...2022-09-08"
            )
        for day in keys:
            stream = obj[day]
            directory, stem = self._place(context.asset_key, day)
            with replacing(directory, self._base) as new:
                self._format.write(stream, new, stem)
                stored = self._describe(UPath(new), stem)
            context.step_context.add_asset_metadata(
                {**stream.metadata, "path": dg.MetadataValue.path(str(directory)), **stored},
                asset_key=context.asset_key,
                partition_key=day,
            )

    def load_input(self, context: dg.InputContext) -> dict[str, DayStream[Any]]:
        """Open the days that a run asks for; each is read only when its stream is.

        Raises:
            MissingPartitionError: A day has no directory.
        """
        streams = {}
        for day in context.asset_partition_keys:
            directory, stem = self._place(context.asset_key, day)
            if not directory.is_dir():
                raise MissingPartitionError(
                    f"{context.asset_key.to_user_string()} has no {day} ({directory} does not "
                    f"exist): materialize it first"
                )
            streams[day] = DayStream(self._read(directory, stem))
        return self._format.streams(streams)

    def _read(self, directory: UPath, stem: str) -> Iterator[Any]:
        yield from self._format.read(self._format.files(directory, stem))

    def _place(self, key: dg.AssetKey, day: str) -> tuple[UPath, str]:
        layer, _, name = key.path[-1].partition("_")
        return self._base / layer / name / day, f"{name}_{day}"

    def _describe(self, directory: UPath, stem: str) -> dict[str, Any]:
        files = self._format.files(directory, stem)
        return {
            "files": len(files),
            "bytes": sum(path.stat().st_size for path in files),
            "sha256": content_sha256(files),
        }
