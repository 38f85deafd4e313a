"""The declaration of a daily feed, from which `definitions` derives the rest.

Resources, storage, job, schedule, alerts, `verify` and `status` all follow from it, but not here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import dagster as dg

from sales_assets.feed.api import DailyApi


@dataclass(frozen=True)
class Feed:
    """A daily feed: an API, an asset for its pages, and an asset for its typed rows.

    The assets are named `raw_NAME` and `stg_NAME`, and the resource of the API `NAME_api`. `source`
    is an external asset for the API, if any.

    Raises:
        ValueError: The parts do not fit together; the text names the feed and what is missing.
    """

    api: type[DailyApi]
    raw: dg.AssetsDefinition
    stg: dg.AssetsDefinition
    checks: Sequence[dg.AssetChecksDefinition] = ()
    source: dg.AssetSpec | None = None

    def __post_init__(self) -> None:
        layer, _, name = self.raw.key.path[-1].partition("_")
        days = self.raw.partitions_def
        checked = {key.asset_key for check in self.checks for key in check.check_keys}
        problems = {
            "the raw asset is named raw_NAME": layer == "raw" and bool(name),
            f"the stg asset is named stg_{name}": self.stg.key.path[-1] == f"stg_{name}",
            "the stg asset depends on the raw asset": self.raw.key in self.stg.dependency_keys,
            f"the raw asset requires {name}_api": f"{name}_api" in self.raw.required_resource_keys,
            "the raw asset has daily partitions": isinstance(days, dg.DailyPartitionsDefinition),
            "both assets have the same partitions": days == self.stg.partitions_def,
            "all checks are on these assets": checked <= {self.raw.key, self.stg.key},
        }
        if missing := [expected for expected, holds in problems.items() if not holds]:
            raise ValueError(f"feed {name or self.raw.key}: expected: {'; '.join(missing)}")

    @property
    def name(self) -> str:
        """The name of the feed, such as `sales`."""
        return self.raw.key.path[-1].partition("_")[2]

    @property
    def days(self) -> dg.DailyPartitionsDefinition:
        """The partitions of both assets."""
        days = self.raw.partitions_def
        assert isinstance(days, dg.DailyPartitionsDefinition)  # noqa: S101 - checked above
        return days

    @property
    def pages_key(self) -> str:
        """The key of the IO manager for pages."""
        return self.raw.get_io_manager_key_for_asset_key(self.raw.key)

    @property
    def rows_key(self) -> str:
        """The key of the IO manager for rows."""
        return self.stg.get_io_manager_key_for_asset_key(self.stg.key)
