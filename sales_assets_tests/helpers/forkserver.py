"""Processes that start from a single-threaded one that has imported what is not ours.

To import Dagster takes longer than most commands do. Modules of ours are left out, since they read
their settings when they are imported.
"""

import multiprocessing

processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(
    [
        "antlr4",
        "dagster._cli",
        "dagster._core.definitions.antlr_asset_selection.antlr_asset_selection",
        "dagster._core.storage.local_compute_log_manager",
        "dagster._core.storage.sqlite_storage",
        "dagster._utils.test",
        "fastavro",
        "http.server",
        "pytest",
        "requests",
        "s3fs",
        "sqlalchemy.dialects.sqlite",
        "tenacity",
        "upath.implementations.local",
    ]
)
