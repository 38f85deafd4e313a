"""Redis and workers as processes of this machine, and runs that wait to be released."""

import os
import sys
import time
from contextlib import suppress
from pathlib import Path

import dagster as dg
import redis
import yaml
from dagster._core.launcher import LaunchRunContext
from dagster._core.test_utils import create_run_for_test

from sales_assets.instance import heartbeat
from sales_assets.instance.celery_launcher import BACKFILLS, RUNS, WorkersRunLauncher
from sales_assets_tests.helpers.files import PROJECT
from sales_assets_tests.helpers.programs import Program, free_port, wait_for

EVENT_LOG = {"module": "sales_assets.instance.event_log", "class": "BatchedSqliteEventLogStorage"}


@dg.op
def wait(context: dg.OpExecutionContext) -> None:
    """Wait for a file, with a quick heartbeat."""
    heartbeat.BEAT_SECONDS = 0.05
    release = Path(context.run.tags["release"])
    while not release.exists():
        time.sleep(0.05)


@dg.job(executor_def=dg.in_process_executor)
def waiting() -> None:
    """A run that ends once it is released."""
    wait()


class Redis:
    """The Redis server of the compose file; it can be killed, and has a disk that can be slow."""

    def __init__(self, directory: Path) -> None:
        port = free_port()
        self._command = [*_redis_command(directory), "--port", str(port)]
        self.url = f"redis://127.0.0.1:{port}/0"
        self._client = redis.Redis.from_url(self.url)
        self.start()

    def start(self, *, slow_disk: bool = False) -> None:
        """Start it, with a disk that takes a second for anything; wait until it is there."""
        slow = ["strace", "-f", "-o/dev/null", "-efdatasync", "-einject=fdatasync:delay_exit=1s"]
        self._process = Program([*slow, *self._command] if slow_disk else self._command)
        self._process.wait_until(self._answers)

    def waiting(self) -> int:
        """Count the runs that wait in the queues."""
        return sum(int(self._client.llen(queue)) for queue in (RUNS, BACKFILLS))

    def flush(self) -> None:
        """Lose everything."""
        self._client.flushall()

    def push(self, message: bytes) -> None:
        """Put what is not a message where messages wait."""
        self._client.lpush(RUNS, message)

    def kill(self) -> None:
        """Kill it, unless it is gone."""
        self._process.kill()
        # What strace has started may live a moment longer, and keeps the port from the next one.
        wait_for("the end of Redis", lambda: not self._answers(), 30)

    def _answers(self) -> bool:
        with suppress(redis.RedisError):  # It is not there, or still reads what it had.
            return bool(self._client.ping())
        return False


def _redis_command(directory: Path) -> list[str]:
    """Read the compose file's command; a server of this machine is reached by itself alone."""
    compose = yaml.safe_load((PROJECT / "deploy/docker-compose.workers.yml").read_text("utf-8"))
    *_, line = compose["services"]["redis"]["command"]
    words = line.removeprefix("exec ").partition(" --requirepass ")[0].split()
    return [str(directory) if word == "/data" else word for word in words]


class Workers:
    """An instance whose runs go to workers."""

    def __init__(self, home: Path, server: Redis) -> None:
        deployed = yaml.safe_load((PROJECT / "deploy/dagster.workers.yaml").read_text())
        launcher = deployed["run_launcher"]
        launcher["config"] |= {"broker": server.url, "include": []}
        settings = {
            "run_launcher": launcher,
            "run_monitoring": {"enabled": True},
            "telemetry": {"enabled": False},
            "event_log_storage": EVENT_LOG,
        }
        (home / "dagster.yaml").write_text(yaml.safe_dump(settings))
        self.home = home
        self.instance = dg.DagsterInstance.from_config(str(home))
        self._workers: list[Program] = []

    def start(self, name: str, queues: str = "runs,backfills") -> Program:
        """Start a worker, and wait until it is there."""
        command = [sys.executable, "-m", "celery", "--app", "sales_assets.instance.worker"]
        options = ["--queues", queues, "--hostname", f"{name}@here"]
        worker = Program(
            [*command, "worker", *options],
            self.home / f"{name}.log",
            env={**os.environ, "DAGSTER_HOME": str(self.home)},
        )
        self._workers.append(worker)
        control = self.launcher.celery.control
        worker.wait_until(lambda: control.ping(destination=[f"{name}@here"], timeout=0.5))
        return worker

    def launch(self, **tags: str) -> dg.DagsterRun:
        """Launch a run, which waits until it is released."""
        origin = dg.reconstructable(waiting).get_python_origin()
        run: dg.DagsterRun = create_run_for_test(
            self.instance,
            job_name="waiting",
            job_code_origin=origin,
            status=dg.DagsterRunStatus.STARTING,
            tags={"release": str(self.home / "release"), **tags},
        )
        self.launcher.launch_run(LaunchRunContext(dagster_run=run, workspace=None))
        return run

    @property
    def launcher(self) -> WorkersRunLauncher:
        """The launcher of the instance."""
        launcher = self.instance.run_launcher
        assert isinstance(launcher, WorkersRunLauncher)
        return launcher

    def release(self, *runs: dg.DagsterRun) -> None:
        """Let all runs end, and wait until these have."""
        (self.home / "release").touch()
        for run in runs:
            self.wait_until(run, dg.DagsterRunStatus.SUCCESS)

    def launch_and_wait(self) -> dg.DagsterRun:
        """Launch a run, and wait until a worker has it."""
        run = self.launch()
        self.wait_until(run, dg.DagsterRunStatus.STARTED)
        return run

    def status(self, run: dg.DagsterRun) -> dg.DagsterRunStatus:
        """Tell how a run stands."""
        found = self.instance.get_run_by_id(run.run_id)
        assert found
        return found.status

    def wait_until(self, run: dg.DagsterRun, status: dg.DagsterRunStatus) -> None:
        """Wait for a run."""
        wait_for(f"{status}", lambda: self.status(run) == status, 120)

    def stop(self) -> None:
        """Kill all workers."""
        for worker in self._workers:
            worker.kill()
        self.instance.dispose()
