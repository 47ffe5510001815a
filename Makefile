# `make run` and `make test` make what they need; the second time they are quick.
# `make test PYTHON=python3.12` works in a .venv-3.12 of its own.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
ifeq ($(origin PYTHON),command line)
VENV := .venv-$(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
endif
BIN := $(VENV)/bin
DATA ?= data
TESTS ?= tests

.PHONY: run test couverture canari chaos lint verrous dictionnaire bench lock clean

run: $(VENV)/.run
	$(BIN)/duimetre demo --data $(DATA)

# A file of tests stays on one process: what it sets up once is not made twice.
test: $(VENV)/.dev
	$(BIN)/python -m pytest -n 2 --dist loadfile --durations=15 $(TESTS)

# Apart from `make test`: measuring costs half as much again (CPU, Python 3.11). The bounded children that read hostile
# files are not measured; the tests of the readers call the same code in process.
couverture: $(VENV)/.dev
	$(BIN)/python -m pytest -n 2 --dist loadfile --durations=15 --cov --cov-report=term --cov-report=html:couverture $(TESTS)

# What breaks tomorrow: the newest versions of the direct dependencies, locks and bounds left aside.
canari: $(VENV)/.dev
	$(BIN)/python tests/outils/canari.py .venv-canari $(TESTS)

chaos: $(VENV)/.dev
	$(BIN)/python tests/campagnes/chaos.py $(CHAOS)
	$(BIN)/python tests/campagnes/annee.py $(ANNEE)
	$(BIN)/python tests/campagnes/archive_cda.py

lint: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/sqlfluff lint --disable-progress-bar --processes 2 transforms
	$(BIN)/djlint --lint --quiet transforms
	$(BIN)/python tests/outils/verrous.py

verrous: $(VENV)/.dev
	$(BIN)/python tests/outils/verrous.py

dictionnaire: $(VENV)/.run
	$(BIN)/python -m transforms.dictionnaire docs
	$(BIN)/python -m flows.reglages docs

bench: $(VENV)/.run
	$(BIN)/python benchmarks/mises_a_jour.py

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements.lock pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-dev.lock
	@touch $@

UV_COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-annotate --no-header pyproject.toml

lock: $(VENV)/.dev
	$(UV_COMPILE) --extra install --output-file requirements.lock
	$(UV_COMPILE) --extra install --extra dev --constraint requirements.lock --output-file requirements-dev.lock

clean:
	rm -rf .venv .venv-* .coverage* couverture .pytest_cache .mypy_cache .ruff_cache .hypothesis
