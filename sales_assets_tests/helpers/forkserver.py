"""Processes that start from a single-threaded one that has imported everything."""

import multiprocessing

processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(
    ["pytest", "sales_assets.rides.pull", "sales_assets_tests.helpers.scripted_api"]
)
