"""A container engine, and the images that ours are built from."""

import configparser
import os
import shutil
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sales_assets_tests.helpers.files import PROJECT
from sales_assets_tests.helpers.waiting import wait_for

STAND_INS = PROJECT / "sales_assets_tests/containers/stand_ins"
DEBIAN = "debian:bookworm-slim"
BASES = {
    "python": "python:3.12-slim-bookworm",
    "postgres": "postgres:16-bookworm",
    "redis": "redis:7-bookworm",
}
"""The images that are not ours, by the directory of what stands for them."""


class NoEngineError(Exception):
    """There is no engine, and none can be started; says why."""


def docker(*arguments: str | Path, seconds: float = 120, check: bool = True) -> str:
    """Run `docker ...`; give what it prints."""
    return subprocess.run(  # noqa: S603 - our own command
        ["docker", *arguments],  # noqa: S607
        check=check,
        capture_output=True,
        text=True,
        timeout=seconds,
    ).stdout.strip()


@contextmanager
def running_engine() -> Iterator[None]:
    """Have an engine: the one that runs, or one of our own for as long as needed."""
    if not shutil.which("docker"):
        raise NoEngineError("docker is not installed (Debian's package: docker.io)")
    if docker("info", "--format", "{{.ServerVersion}}", check=False):
        yield
        return
    if os.geteuid() != 0 or not shutil.which("dockerd"):
        raise NoEngineError("no engine runs; to start one takes root, and dockerd")
    with tempfile.TemporaryDirectory(prefix="engine-", dir="/var/tmp") as temporary:
        root = Path(temporary)
        address = f"unix://{root}/socket"
        with (root / "log").open("wb") as log:
            engine = subprocess.Popen(  # noqa: S603 - our own command
                [  # noqa: S607
                    "dockerd",
                    f"--host={address}",
                    f"--data-root={root}/data",
                    f"--exec-root={root}/run",
                    f"--pidfile={root}/pid",
                ],
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        before = os.environ.get("DOCKER_HOST")
        os.environ["DOCKER_HOST"] = address
        try:

            def up() -> str:
                if engine.poll() is not None:
                    last = (root / "log").read_text().splitlines()[-1:]
                    raise NoEngineError(f"dockerd does not start: {last}")
                return docker("info", "--format", "{{.ServerVersion}}", check=False)

            wait_for("dockerd", up, 60)
            yield
        finally:
            engine.terminate()
            engine.wait(60)
            # It leaves the network of this machine mounted.
            for mounted in (root / "run/netns").glob("*"):
                subprocess.run(["umount", mounted], check=False)  # noqa: S603, S607
            del os.environ["DOCKER_HOST"]
            if before:
                os.environ["DOCKER_HOST"] = before


def have_base_images() -> None:
    """Have the images that ours are built from, or what stands for them."""
    for name, image in BASES.items():
        if not _has(image):
            _stand_in(name, image)


def build(context: Path, image: str) -> None:
    """Build an image on the network of this machine, which packages are reached by."""
    docker("build", "--network=host", f"--tag={image}", context, seconds=900)


def _has(image: str) -> bool:
    if docker("image", "ls", "--quiet", image):
        return True
    docker("pull", "--quiet", image, seconds=600, check=False)
    return bool(docker("image", "ls", "--quiet", image))


def _stand_in(name: str, image: str) -> None:
    if not _has(DEBIAN):
        _debian()
    with tempfile.TemporaryDirectory() as temporary:
        context = Path(shutil.copytree(STAND_INS / name, Path(temporary) / name))
        shutil.copy(_certificates(), context / "ca-certificates.crt")
        with (context / "pip.conf").open("w") as file:
            _pip_settings().write(file)
        build(context, image)


def _debian() -> None:
    if os.geteuid() != 0 or not shutil.which("debootstrap"):
        raise NoEngineError(f"{DEBIAN} cannot be pulled; to make it takes root, and debootstrap")
    with tempfile.TemporaryDirectory(dir="/var/tmp") as root:
        subprocess.run(  # noqa: S603 - our own command
            ["debootstrap", "--variant=minbase", "bookworm", root],  # noqa: S607
            check=True,
            stdout=subprocess.DEVNULL,
            timeout=600,
        )
        tar = ["tar", "-C", root, "--exclude=./var/cache/apt/archives/*", "-c", "."]
        with subprocess.Popen(tar, stdout=subprocess.PIPE) as packed:  # noqa: S603
            subprocess.run(  # noqa: S603 - our own command
                ["docker", "import", "-", DEBIAN],  # noqa: S607
                stdin=packed.stdout,
                stdout=subprocess.DEVNULL,
                check=True,
                timeout=300,
            )


def _certificates() -> str:
    return os.environ.get("PIP_CERT") or str(ssl.get_default_verify_paths().cafile)


def _pip_settings() -> configparser.ConfigParser:
    """The package index that pip uses here, if it is another than pip's own."""
    settings = configparser.ConfigParser(interpolation=None)
    settings["global"] = {"cert": "/etc/ssl/certs/ca-certificates.crt"}
    for name in ("index-url", "trusted-host"):
        found = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-m", "pip", "config", "get", f"global.{name}"],
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        ).stdout.strip()
        if found:
            settings["global"][name] = found
    return settings
