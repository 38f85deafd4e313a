"""How the sample API is served."""

import socket
from contextlib import ExitStack
from urllib.parse import urlsplit

import requests

from sales_assets.sample.api import SampleApi


def test_clients_that_stay_silent_keep_nobody_waiting() -> None:
    with SampleApi() as sample, ExitStack() as silent:
        address = urlsplit(sample.url)
        for _ in range(40):
            silent.enter_context(socket.create_connection((address.hostname, address.port)))
        assert requests.get(f"{sample.url}/ride", timeout=60).status_code == 200


def test_only_get_requests_are_served() -> None:
    with SampleApi() as sample:
        assert requests.post(f"{sample.url}/sales", timeout=60).status_code == 501
