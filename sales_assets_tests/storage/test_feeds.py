"""The storage of several feeds."""

from pathlib import Path

import dagster as dg
import pytest

from sales_assets.feed.declaration import Feed
from sales_assets.sales import FEED
from sales_assets.sales.api import SalesApi
from sales_assets.storage.feeds import layers_of, storage_of


def returns(rows_at: str = "") -> Feed:
    """A feed that stores its pages where the sales do."""

    @dg.asset(
        name="raw_returns",
        partitions_def=FEED.days,
        io_manager_key="json_pages",
        required_resource_keys={"returns_api"},
    )
    def raw() -> None: ...

    @dg.asset(
        name="stg_returns", partitions_def=FEED.days, io_manager_key="returns_avro", deps=[raw]
    )
    def stg() -> None: ...

    return Feed(type("ReturnsApi", (SalesApi,), {"rows_at": rows_at}), raw, stg)


def test_feeds_whose_pages_are_alike_share_the_storage_of_pages(tmp_path: Path) -> None:
    storage = storage_of([FEED, returns()], str(tmp_path))
    assert sorted(storage) == ["json_pages", "returns_avro", "sales_avro"]
    raw, stg = layers_of(returns(), storage)
    assert stg.made_from == raw
    assert raw.storage.directory(raw.asset, "2022-08-09") == tmp_path / "raw/returns/2022-08-09"


@pytest.mark.parametrize(
    ("other", "text"),
    [
        (FEED, "two feeds are named sales"),
        (returns(rows_at="data"), "feed returns: another feed uses the IO manager json_pages"),
    ],
)
def test_feeds_of_one_name_or_of_one_key_for_what_differs_are_refused(
    tmp_path: Path, other: Feed, text: str
) -> None:
    with pytest.raises(ValueError, match=text):
        storage_of([FEED, other], str(tmp_path))
