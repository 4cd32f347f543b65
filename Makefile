# `make run` starts everything on the embedded default; `make test` runs everything that can be tested here.
# The first that runs and is new enough (a version manager leaves names behind that do not); else python3, which says what it lacks.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do $$p -c "import sys; sys.exit(sys.version_info < (3, 11))" 2>/dev/null && command -v $$p && exit; done; echo python3)
BIN := .venv/bin

.PHONY: run test test-changed setup setup-dev lint types check clean help

run:  ## set up, start everything, print one link
	@"$(PYTHON)" config/bootstrap.py
	@exec $(BIN)/python manage.py up

test: setup-dev  ## every test, on SQLite and on PostgreSQL and Redis where they can be had
	@$(BIN)/python -m tests.run

test-changed: setup-dev  ## only the tests touched by what differs from main, on SQLite
	@$(BIN)/python -m tests.changed

setup:
	@"$(PYTHON)" config/bootstrap.py

setup-dev:
	@"$(PYTHON)" config/bootstrap.py --dev

lint: setup-dev  ## style, types and the import law
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports

clean:  ## forget the environment and all data
	rm -rf .venv var

help:
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'
