"""The tests mirror the package: each module has a test module of its name, at the same place."""

from pathlib import PurePath

from sales_assets_tests.helpers.files import PROJECT

PACKAGE = PROJECT / "sales_assets"
TESTS = PROJECT / "sales_assets_tests"


def without_tests() -> set[str]:
    modules = {path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py")}
    return {
        module.as_posix()
        for module in modules
        if module.name not in ("__init__.py", "errors.py")
        and not (TESTS / module.with_name(f"test_{module.name}")).is_file()
    }


def test_each_module_has_a_test_module_of_its_name() -> None:
    assert without_tests() == set()


def test_no_test_imports_another_test_or_a_conftest() -> None:
    for path in TESTS.rglob("*.py"):
        imports = [line for line in path.read_text("utf-8").splitlines() if " import " in line]
        for line in imports:
            if line.startswith("from sales_assets_tests"):
                module = PurePath(*line.split()[1].split("."))
                assert not module.name.startswith(("test_", "conftest")), f"{path}: {line}"
