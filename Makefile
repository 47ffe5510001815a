# `make run` and `make test` make what they need; the second time they are quick.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
DATA ?= data

.PHONY: run test chaos lint dictionnaire bench lock clean

run: .venv/.run
	$(BIN)/duimetre demo --data $(DATA)

test: .venv/.dev
	$(BIN)/python -m pytest

chaos: .venv/.dev
	$(BIN)/python tests/chaos.py $(CHAOS)
	$(BIN)/python tests/annee.py $(ANNEE)

lint: .venv/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

dictionnaire: .venv/.run
	$(BIN)/python -m transforms.dictionnaire docs
	$(BIN)/python -m flows.reglages docs

bench: .venv/.run
	$(BIN)/python benchmarks/mises_a_jour.py

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/.run: requirements.lock pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.venv/.dev: requirements-dev.lock .venv/.run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-dev.lock
	@touch $@

UV_COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-annotate --no-header pyproject.toml

lock: .venv/.dev
	$(UV_COMPILE) --extra install --output-file requirements.lock
	$(UV_COMPILE) --extra install --extra dev --constraint requirements.lock --output-file requirements-dev.lock

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis
