# The checks and the tests, in the virtual environment that CONTRIBUTING.md sets up.
BIN := .venv/bin

.PHONY: check test docs

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
