# The checks and the tests, in the virtual environment that CONTRIBUTING.md sets up.
BIN := .venv/bin

.PHONY: check test

check:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo
	$(BIN)/mypy

test:
	$(BIN)/pytest
