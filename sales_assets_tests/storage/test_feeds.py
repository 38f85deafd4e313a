"""The storage of several feeds."""

from dataclasses import replace
from pathlib import Path

import pytest

from sales_assets.feed.declaration import InvalidFeedError
from sales_assets.sales import FEED
from sales_assets.storage.feeds import layers_of, storage_of
from sales_assets_tests.promises import orders, refunds
from sales_assets_tests.promises.refunds import RefundsApi


def test_feeds_whose_pages_are_alike_share_the_storage_of_pages(tmp_path: Path) -> None:
    storage = storage_of([FEED, refunds.FEED], str(tmp_path))
    assert sorted(storage) == ["json_pages", "refunds_avro", "sales_avro"]
    raw, stg = layers_of(refunds.FEED, storage)
    assert stg.made_from == raw
    assert raw.storage.directory(raw.asset, "2022-08-09") == tmp_path / "raw/refunds/2022-08-09"


def test_feeds_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidFeedError, match="two feeds are named sales"):
        storage_of([FEED, FEED], str(tmp_path))


class Enveloped(RefundsApi):
    """Its rows are elsewhere in a page."""

    rows_at = "data"


def test_feeds_that_use_one_key_for_what_differs_are_refused(tmp_path: Path) -> None:
    other = replace(refunds.FEED, api=Enveloped)
    with pytest.raises(InvalidFeedError, match="feed refunds: another feed uses the IO manager"):
        storage_of([FEED, other], str(tmp_path))


def test_rows_in_an_envelope_have_a_storage_of_their_own(tmp_path: Path) -> None:
    storage = storage_of([FEED, orders.FEED], str(tmp_path))
    assert len(storage) == 4
