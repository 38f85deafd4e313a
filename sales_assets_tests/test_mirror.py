"""The tests mirror the package: each module has a test module of its name, at the same place."""

from pathlib import PurePath

from sales_assets_tests.helpers.files import PROJECT

PACKAGE = PROJECT / "sales_assets"
TESTS = PROJECT / "sales_assets_tests"
# Where tests of several modules still share one; this only gets shorter.
SHARED = {
    "http/transport.py",
    "http_jobs/fork_server.py",
    "http_jobs/locks.py",
    "http_jobs/run_process.py",
    "rides/migrations/v1_answers.py",
    "rides/migrations/v2_statistics.py",
    "sample/faults.py",
    "sample/resources.py",
    "storage/files.py",
    "storage/partition_format.py",
    "storage/replace/finish.py",
}


def without_tests() -> set[str]:
    modules = {path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py")}
    return {
        module.as_posix()
        for module in modules
        if module.name not in ("__init__.py", "errors.py")
        and not (TESTS / module.with_name(f"test_{module.name}")).is_file()
    }


def test_each_module_has_a_test_module_of_its_name() -> None:
    assert without_tests() <= SHARED


def test_the_list_of_those_that_share_one_names_no_other() -> None:
    assert without_tests() >= SHARED


def test_no_test_imports_another_test_or_a_conftest() -> None:
    for path in TESTS.rglob("*.py"):
        imports = [line for line in path.read_text("utf-8").splitlines() if " import " in line]
        for line in imports:
            if line.startswith("from sales_assets_tests"):
                module = PurePath(*line.split()[1].split("."))
                assert not module.name.startswith(("test_", "conftest")), f"{path}: {line}"
