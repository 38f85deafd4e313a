"""Commands of a user, each in a process with a working directory and an environment of its own."""

import multiprocessing
import os
import re
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path

# They start from one that has imported what is not ours; ours read settings when imported.
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
Command = Callable[..., "subprocess.CompletedProcess[str]"]
# The arguments of Python for our command.
OURS = ("-c", "from sales_assets.cli import main; main(prog_name='sales-assets')")
SECONDS = 120
_STREAMS = ("stdout", "stderr")
_SETTING = re.compile(r"SALES_|RIDES_|DAGSTER_|AUTH_TOKEN$|BASE_DIR$")


def without_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Give an environment without any setting of this project or of Dagster."""
    return {name: value for name, value in environment.items() if not _SETTING.match(name)}


def start_python(
    arguments: Sequence[str], directory: Path, environment: Mapping[str, str], output: Path
) -> BaseProcess:
    """Start `python -c CODE ...` or `-m MODULE ...`; `stdout` and `stderr` go to `output`.

    Its process has Dagster imported, which saves seconds. Modules of ours are imported anew.
    """
    process = processes.Process(
        target=_be_python, args=([*arguments], str(directory), dict(environment), str(output))
    )
    process.start()
    return process


def run_python(
    arguments: Sequence[str], directory: Path, environment: Mapping[str, str]
) -> "subprocess.CompletedProcess[str]":
    """Run it so to its end, for two minutes at most."""
    with tempfile.TemporaryDirectory() as temporary:
        process = start_python(arguments, directory, environment, Path(temporary))
        process.join(SECONDS)
        output, errors = (Path(temporary, name).read_text("utf-8") for name in _STREAMS)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(arguments, SECONDS, stderr=errors.encode())
        return subprocess.CompletedProcess(arguments, process.exitcode, output, errors)


def _be_python(
    arguments: list[str], directory: str, environment: dict[str, str], output: str
) -> None:
    for number, name in enumerate(_STREAMS, 1):
        os.dup2(os.open(Path(output, name), os.O_WRONLY | os.O_CREAT), number)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(directory)
    if arguments[0] == "-c":
        sys.argv = ["-c", *arguments[2:]]
        sys.path.insert(0, "")
        exec(arguments[1], {"__name__": "__main__"})  # noqa: S102 - as `python -c` does
    else:
        sys.argv = arguments[1:]
        sys.path.insert(0, directory)
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
