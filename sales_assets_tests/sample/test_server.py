"""How the sample API is served."""

import socket
from contextlib import ExitStack
from urllib.parse import urlsplit

import requests

from sales_assets.sample.api import SampleApi
from sales_assets.sample.invented import sample_ride


def test_clients_that_stay_silent_keep_nobody_waiting() -> None:
    with SampleApi() as sample, ExitStack() as silent:
        address = urlsplit(sample.url)
        for _ in range(40):
            silent.enter_context(socket.create_connection((address.hostname, address.port)))
        assert requests.get(f"{sample.url}/ride", timeout=60).status_code == 200


def test_each_request_gets_the_next_ride_and_needs_no_token_as_sales_do() -> None:
    with SampleApi() as sample:
        bodies = [requests.get(f"{sample.url}/ride", timeout=60).content for _ in range(3)]
        assert requests.get(f"{sample.url}/sales?date=2022-08-09", timeout=60).status_code == 401
    assert bodies == [sample_ride(number) for number in (1, 2, 3)]
