"""A container engine, our image, and those that it is built from."""

import os
import shutil
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sales_assets_tests.helpers.files import PROJECT
from sales_assets_tests.helpers.programs import Program

STAND_INS = PROJECT / "sales_assets_tests/containers/stand_ins"
DEBIAN = "debian:bookworm-slim"
BASES = {
    "python": "python:3.12-slim-bookworm",
    "postgres": "postgres:16-bookworm",
    "redis": "redis:7-bookworm",
}
"""The images that are not ours, by the directory of what stands for them."""


def docker(*arguments: str | Path, seconds: float = 120, check: bool = True) -> str:
    return subprocess.run(  # noqa: S603 - our own command
        ["docker", *arguments],  # noqa: S607
        check=check,
        capture_output=True,
        text=True,
        timeout=seconds,
    ).stdout.strip()


@contextmanager
def built_image() -> Iterator[str]:
    """Have an engine, and our image of this checkout; give its name, as the compose file has it."""
    with _running_engine():
        for name, image in BASES.items():
            if not _has(image):
                _stand_in(name, image)
        build(PROJECT, ours := "localhost/sales_assets")
        yield ours


@contextmanager
def _running_engine() -> Iterator[None]:
    """Have an engine: the one that runs, or one of our own for as long as needed."""
    if shutil.which("docker") and _answers():
        yield
        return
    if os.geteuid() != 0 or not (shutil.which("docker") and shutil.which("dockerd")):
        pytest.skip("no engine runs; to start one takes root, and Debian's package docker.io")
    with (
        tempfile.TemporaryDirectory(prefix="engine-", dir="/var/tmp") as root,
        pytest.MonkeyPatch.context() as patch,
    ):
        address = f"unix://{root}/socket"
        patch.setenv("DOCKER_HOST", address)
        places = (f"--data-root={root}/data", f"--exec-root={root}/run", f"--pidfile={root}/pid")
        with Program(["dockerd", f"--host={address}", *places], Path(root, "log")) as engine:
            try:
                engine.wait_until(_answers)
            except AssertionError as error:
                pytest.skip(f"dockerd does not start: {str(error)[-500:]}")
            try:
                yield
            finally:
                engine.terminate()
                engine.wait(60)
                # It leaves the network of this machine mounted.
                for mounted in Path(root).glob("run/netns/*"):
                    subprocess.run(["umount", mounted], check=False)  # noqa: S603, S607


def build(context: Path, image: str) -> None:
    """Build an image on the network of this machine, which packages are reached by."""
    docker("build", "--network=host", f"--tag={image}", context, seconds=900)


def _answers() -> str:
    return docker("info", "--format", "{{.ServerVersion}}", check=False)


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
        certificates = os.environ.get("PIP_CERT") or str(ssl.get_default_verify_paths().cafile)
        shutil.copy(certificates, context / "ca-certificates.crt")
        (context / "pip.conf").write_text(_pip_settings())
        build(context, image)


def _debian() -> None:
    if os.geteuid() != 0 or not shutil.which("debootstrap"):
        pytest.skip(f"{DEBIAN} cannot be pulled; to make it takes root, and debootstrap")
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


def _pip_settings() -> str:
    lines = ["[global]", "cert = /etc/ssl/certs/ca-certificates.crt"]
    for name in ("index-url", "trusted-host"):
        value = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-m", "pip", "config", "get", f"global.{name}"],
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        ).stdout.strip()
        if value:
            lines.append(f"{name} = {value}")
    return "\n".join(lines)
