"""Commands of a user, each in a process with a working directory and an environment of its own."""

import os
import re
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from sales_assets_tests.helpers.forkserver import processes

Command = Callable[..., "subprocess.CompletedProcess[str]"]
_SECONDS = 120
_SETTING = re.compile(r"SALES_|RIDES_|DAGSTER_|AUTH_TOKEN$|BASE_DIR$")


def without_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Give an environment without any setting of this project or of Dagster."""
    return {name: value for name, value in environment.items() if not _SETTING.match(name)}


def run_python(
    arguments: Sequence[str], directory: Path, environment: Mapping[str, str]
) -> "subprocess.CompletedProcess[str]":
    """Run `python ARGUMENTS` in a process that has Dagster imported, which saves most of its time.

    Modules of ours are imported anew. Use `run_new_python` where imports are what is looked at.

    Args:
        arguments: `-c CODE ...`, `-m MODULE ...` or `SCRIPT ...`.
        directory: The working directory.
        environment: All of the environment.

    Raises:
        subprocess.TimeoutExpired: It did not end in two minutes.
    """
    with tempfile.TemporaryDirectory() as temporary:
        output, errors = Path(temporary, "stdout"), Path(temporary, "stderr")
        process = processes.Process(
            target=_be_python,
            args=(list(arguments), str(directory), dict(environment), str(output), str(errors)),
        )
        process.start()
        process.join(_SECONDS)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(arguments, _SECONDS, stderr=errors.read_bytes())
        return subprocess.CompletedProcess(
            arguments, process.exitcode, output.read_text("utf-8"), errors.read_text("utf-8")
        )


def run_new_python(
    arguments: Sequence[str], directory: Path, environment: Mapping[str, str]
) -> "subprocess.CompletedProcess[str]":
    """Run `python ARGUMENTS` in a new interpreter.

    Raises:
        subprocess.TimeoutExpired: It did not end in two minutes.
    """
    return subprocess.run(  # noqa: S603 - our own command
        [sys.executable, *arguments],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )


def _be_python(
    arguments: list[str], directory: str, environment: dict[str, str], output: str, errors: str
) -> None:
    for path, number in ((output, 1), (errors, 2)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(directory)
    if arguments[0] == "-c":
        sys.argv = ["-c", *arguments[2:]]
        sys.path.insert(0, "")
        exec(arguments[1], {"__name__": "__main__"})  # noqa: S102 - as `python -c` does
    elif arguments[0] == "-m":
        sys.argv = arguments[1:]
        sys.path.insert(0, directory)
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = arguments
        sys.path.insert(0, str(Path(arguments[0]).parent))
        runpy.run_path(arguments[0], run_name="__main__")
