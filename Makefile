# The checks and the tests, in the virtual environment that CONTRIBUTING.md sets up.
BIN := .venv/bin

.PHONY: check test docs constraints

check:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

test:
	$(BIN)/pytest

# The parts of documents that follow from the code.
docs:
	$(BIN)/python -m sales_assets_tests.helpers.documents

# The versions that the image is built of: the newest that fit together, for its Python.
constraints:
	$(BIN)/uv pip compile --quiet --upgrade --no-annotate --python-version 3.12 --extra deploy \
		--custom-compile-command "make constraints" --output-file deploy/constraints.txt pyproject.toml
