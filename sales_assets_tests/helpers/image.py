"""The Dockerfile as a list of instructions, and its build replayed in a directory of this machine.

There is no container: the base image is Debian's Python, the stages share one directory that stands
for `/`, and the user of the image is one who exists here.
"""

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from sales_assets_tests.helpers.files import PROJECT


class Instruction(NamedTuple):
    """One instruction, with all of its lines."""

    name: str
    rest: str

    def words(self) -> list[str]:
        """Split what follows the name as a shell does, without `--` options."""
        return [word for word in shlex.split(self.rest) if not word.startswith("--")]

    def command(self) -> list[str]:
        """Give the command of a CMD or HEALTHCHECK in its JSON form."""
        return list(json.loads(self.rest[self.rest.index("[") :]))


def instructions() -> list[Instruction]:
    """Read the Dockerfile."""
    lines = (PROJECT / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
    found = (line.split(maxsplit=1) for line in lines if line and not line.startswith("#"))
    return [Instruction(name, rest) for name, rest in found]


def last(name: str) -> Instruction:
    """Give the last instruction of a name, which is that of the image."""
    return [step for step in instructions() if step.name == name][-1]


class Image(NamedTuple):
    """What was built.

    Attributes:
        root: Stands for `/`.
        environment: The variables of the image.
    """

    root: Path
    environment: dict[str, str]

    def here(self, text: str) -> str:
        """Put the directories of the image below the root."""
        for top in ("src", "opt", "data"):
            text = text.replace(f"/{top}", f"{self.root}/{top}")
        return text


def build(root: Path) -> Image:
    """Follow the Dockerfile; of the last stage, everything but its RUN, which makes a user."""
    image = Image(root, {})
    # A user who owns nothing cannot run a Python that lies in the home directory of another.
    python = "/usr/bin/python3" if os.geteuid() == 0 else sys.executable
    (root / "bin").mkdir()
    (root / "bin/python").symlink_to(python)
    environment = {**os.environ, "PATH": f"{root / 'bin'}:/usr/bin:/bin"}
    directory, stage = root, 0
    for step in instructions():
        if step.name == "FROM":
            stage += 1
        elif step.name == "WORKDIR":
            directory = Path(image.here(step.rest))
            directory.mkdir(parents=True, exist_ok=True)
        elif step.name == "RUN" and stage == 1:
            subprocess.run(  # noqa: S603 - our own command
                ["/bin/sh", "-c", image.here(step.rest)],
                cwd=directory,
                env=environment,
                check=True,
                stdout=subprocess.DEVNULL,
                timeout=600,
            )
        elif step.name == "ENV":
            for name, _, value in (word.partition("=") for word in step.words()):
                image.environment[name] = image.here(value)
        elif step.name == "COPY" and "--from=" not in step.rest:
            [*sources, target] = step.words()
            for source in sources:
                _copy(PROJECT / source, directory / image.here(target))
    image.environment["PATH"] = image.environment["PATH"].replace("$PATH", "/usr/bin:/bin")
    return image


def _copy(source: Path, target: Path) -> None:
    # Of a directory, COPY takes what is in it; a file goes into the target.
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        target.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)
