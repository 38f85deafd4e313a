"""What an installation is made from: the image, the compose file, Heroku's, the Helm values."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from sales_assets.settings import Settings
from sales_assets_tests.helpers.files import PROJECT
from sales_assets_tests.helpers.programs import Program, free_port
from sales_assets_tests.helpers.topology import compose_config, running_topology, word

SECRETS = {"AUTH_TOKEN", "POSTGRES_PASSWORD", "SALES_HTTP_TOKEN", "AWS_SECRET_ACCESS_KEY"}


def load(name: str) -> Any:
    return yaml.safe_load((PROJECT / name).read_text())


SERVICES: dict[str, Any] = load("deploy/docker-compose.yml")["services"]
WORKERS: dict[str, Any] = load("deploy/docker-compose.workers.yml")["services"]
# Those of both compose files, each as the file says that brings it.
ALL_SERVICES = SERVICES | {name: one for name, one in WORKERS.items() if "image" in one}


def instructions(name: str) -> list[str]:
    lines = (PROJECT / "Dockerfile").read_text().splitlines()
    return [line.removeprefix(f"{name} ") for line in lines if line.startswith(f"{name} ")]


def test_what_the_image_copies_is_not_ignored_and_all_else_is() -> None:
    ignored = (PROJECT / ".dockerignore").read_text().splitlines()
    rules = [line for line in ignored if line and not line.startswith("#")]
    copies = [one.split() for one in instructions("COPY") if not one.startswith("--from=")]
    sources = {source for [*sources, _] in copies for source in sources}
    assert rules[0] == "*"
    assert {rule[1:] for rule in rules if rule.startswith("!")} == sources
    assert all((PROJECT / source).exists() for source in sources)


def test_the_image_does_not_run_as_root() -> None:
    assert int(instructions("USER")[-1]) > 0


def test_the_token_of_the_api_goes_only_where_it_is_needed() -> None:
    with_token = {
        name for name, one in SERVICES.items() if "AUTH_TOKEN" in one.get("environment", {})
    }
    assert with_token == {"code-location", "http-jobs", "sample-api"}


def test_every_setting_of_the_code_location_reaches_it() -> None:
    settings = {name.upper() for name in Settings.model_fields if "sales_http_" not in name}
    assert settings - {"DAGSTER_HOME"} <= SERVICES["code-location"]["environment"].keys()


def test_every_secret_comes_from_the_environment() -> None:
    for one in SERVICES.values():
        for name in SECRETS & one.get("environment", {}).keys():
            value = one["environment"][name]
            assert value is None or value.startswith(f"${{{name}:?"), name


def test_what_uses_the_database_starts_after_its_migration_and_stops_before_it() -> None:
    for name, one in ALL_SERVICES.items():
        if "DAGSTER_POSTGRES_URL" in one.get("environment", {}):
            assert one["depends_on"]["postgres"]["condition"] == "service_healthy", name
            migrated = one["depends_on"].get("migrate", {}).get("condition")
            assert migrated == "service_completed_successfully" or name == "migrate", name


@pytest.mark.parametrize("name", ALL_SERVICES)
def test_a_service_has_limits_and_its_log_has_one(name: str) -> None:
    one = ALL_SERVICES[name]
    assert one["mem_limit"].endswith(("m", "g"))
    assert one["pids_limit"] >= 100
    assert one["logging"]["options"].keys() == {"max-size", "max-file"}


def test_our_image_is_not_taken_for_one_of_a_registry() -> None:
    images = {one["image"] for one in ALL_SERVICES.values()}
    assert images - {"postgres:16-bookworm", "redis:7-bookworm"} == {
        "${SALES_IMAGE:-localhost/sales_assets}"
    }


def test_backfills_leave_slots_to_other_runs_here_and_on_kubernetes() -> None:
    runs = load("deploy/dagster.yaml")["concurrency"]["runs"]
    [limit] = runs["tag_concurrency_limits"]
    assert limit["key"] == "dagster/backfill"
    assert limit["limit"] < runs["max_concurrent_runs"]
    coordinator = load("deploy/helm-values.yaml")["dagsterDaemon"]["runCoordinator"]
    queue = coordinator["config"]["queuedRunCoordinator"]
    assert queue["maxConcurrentRuns"] == runs["max_concurrent_runs"]
    assert queue["tagConcurrencyLimits"] == runs["tag_concurrency_limits"]


def test_dead_and_failed_runs_and_launches_are_dealt_with_as_in_a_local_instance() -> None:
    here, there = load("dagster_home/dagster.yaml"), load("deploy/dagster.yaml")
    for part in ("run_launcher", "run_queue", "run_retries"):
        assert there[part] == here[part]
    for one in (here, there):
        assert one["run_monitoring"]["enabled"]
        assert one["run_monitoring"]["poll_interval_seconds"] <= 5
    helm = load("deploy/helm-values.yaml")["dagsterDaemon"]["runRetries"]
    assert helm["maxRetries"] == here["run_retries"]["max_retries"]
    on_errors = here["run_retries"]["retry_on_asset_or_op_failure"]
    assert helm["retryOnAssetOrOpFailure"] == on_errors


@pytest.mark.parametrize("home", ["dagster_home", "deploy"])
def test_the_pool_of_the_api_has_a_limit_that_a_killed_run_cannot_use_up(home: str) -> None:
    # With granularity op, a killed run keeps its slot until a daemon frees it.
    pools = load(f"{home}/dagster.yaml")["concurrency"]["pools"]
    assert pools == {"granularity": "run", "default_limit": 4}


def test_an_installation_with_workers_differs_in_what_workers_need() -> None:
    one, many = load("deploy/dagster.yaml"), load("deploy/dagster.workers.yaml")
    assert {part for part in one if one[part] != many[part]} == {
        *("compute_logs", "concurrency", "run_launcher", "run_monitoring")
    }
    assert one.keys() == many.keys()
    runs = many["concurrency"]["runs"]
    assert runs["tag_concurrency_limits"][0]["limit"] < runs["max_concurrent_runs"]


def test_every_setting_and_secret_reaches_the_workers() -> None:
    of_runs = SERVICES["code-location"]["environment"].keys()
    for name in ("worker", "worker-daily"):
        given = WORKERS[name]["environment"].keys()
        assert of_runs - given == {"DAGSTER_BACKFILL_RETRY_DEFINITION_CHANGED_ERROR"}
        assert given >= {"DAGSTER_HOME", "DAGSTER_CELERY_BROKER", "LOGS_BUCKET"}


def test_a_backfill_waits_for_its_code_location_wherever_a_daemon_runs() -> None:
    name = "DAGSTER_BACKFILL_RETRY_DEFINITION_CHANGED_ERROR"
    assert SERVICES["daemon"]["environment"][name]
    assert load("deploy/helm-values.yaml")["dagsterDaemon"]["env"][name]
    [worker] = load("heroku.yml")["run"]["worker"]["command"]
    assert f"{name}=1" in worker


def test_whatever_uses_postgres_has_its_events_by_the_batch() -> None:
    name = "DAGSTER_EVENT_BATCH_SIZE"
    for one in SERVICES.values():
        environment = one.get("environment", {})
        assert (name in environment) == ("DAGSTER_POSTGRES_URL" in environment)
    helm = load("deploy/helm-values.yaml")
    [user_code] = helm["dagster-user-deployments"]["deployments"]
    # The storage of the chart is Dagster's own, which warns of batches of evaluations.
    for part in (helm["dagsterWebserver"], helm["dagsterDaemon"], user_code):
        assert int(part["env"][name]) == 0
    run = load("heroku.yml")["run"]
    assert all(f"{name}=" in command for command in (run["web"], *run["worker"]["command"]))


def test_a_new_container_of_the_http_jobs_has_the_host_name_of_the_last_one() -> None:
    # By which it finds the runs that were left.
    assert SERVICES["http-jobs"]["hostname"]


@pytest.mark.topology
def test_docker_compose_names_a_secret_that_is_not_set(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        compose_config(POSTGRES_PASSWORD=word())
    assert "is what clients of the HTTP jobs have to send" in capfd.readouterr().err


@pytest.mark.topology
def test_the_linter_has_nothing_to_say_about_the_dockerfile() -> None:
    hadolint = Path(sys.executable).parent / "hadolint"
    subprocess.run([hadolint, PROJECT / "Dockerfile"], check=True, timeout=60)  # noqa: S603


@pytest.mark.topology
def test_the_processes_of_heroku_run_on_its_database_and_port(tmp_path: Path) -> None:
    heroku, port = load("heroku.yml"), free_port()
    [worker], [release] = heroku["run"]["worker"]["command"], heroku["release"]["command"]

    def shell(command: str) -> list[str]:
        return ["/bin/sh", "-c", command.replace("0.0.0.0", "127.0.0.1")]  # noqa: S104

    with running_topology(tmp_path) as topology:
        options: dict[str, Any] = {
            "cwd": topology.variables["DAGSTER_HOME"],
            "env": {
                **topology.variables,
                "DATABASE_URL": topology.database.replace("postgresql://", "postgres://"),
                "PORT": str(port),
                "SALES_API_URL": "sample",
            },
        }

        def answers() -> bool:
            return requests.get(f"http://127.0.0.1:{port}/server_info", timeout=10).ok

        def lives() -> bool:
            variables, _, _ = worker.partition("dagster-daemon run")
            check = shell(f"{variables} dagster-daemon liveness-check")
            return not subprocess.run(check, timeout=60, check=False, **options).returncode  # noqa: S603

        subprocess.run(shell(release), check=True, timeout=120, **options)  # noqa: S603
        with (
            Program(shell(heroku["run"]["web"]), **options) as server,
            Program(shell(worker), **options) as daemon,
        ):
            server.wait_until(answers)
            daemon.wait_until(lives)
