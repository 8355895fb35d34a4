# `make run` and `make test` need Python 3.11 or newer and make; nothing else.
# Shells, conda and platforms set variables of these names for purposes of their own: only what stands behind `make` counts.
override argument = $(if $(filter command,$(firstword $(origin $(1)))),$($(1)))
override PYTHON := $(or $(call argument,PYTHON),python3)
override HOST := $(or $(call argument,HOST),127.0.0.1)
override PORT := $(or $(call argument,PORT),8080)
override SECONDS := $(call argument,SECONDS)
override SEED := $(call argument,SEED)
unexport HOST PORT SECONDS SEED PYTHON PYTHONPATH PYTHONHOME DJANGO_SETTINGS_MODULE PIP_REQUIRE_VIRTUALENV PIP_USER PIP_TARGET PIP_PREFIX
override VENV := $(or $(call argument,VENV),.venv)
override BIN := $(VENV)/bin
override PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes

.PHONY: run setup test long check lint format types js fuzz chaos soak bench messages lock clean

run: $(VENV)/base.stamp
	$(BIN)/python manage.py migrate --verbosity 0
	$(BIN)/python -m chatsite.run --host '$(HOST)' --port '$(PORT)'

setup: $(VENV)/dev.stamp

test: js
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder -m "not long"

long: $(VENV)/dev.stamp
	$(BIN)/python -m pytest -n 2 --dist loadfile -m long

check: lint types test

lint: $(VENV)/dev.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python manage.py check

format: $(VENV)/dev.stamp
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

types: $(VENV)/dev.stamp
	$(BIN)/mypy

js: $(VENV)/dev.stamp
	$(BIN)/python -m tests.js

fuzz: $(VENV)/dev.stamp
	$(BIN)/python -m tests.fuzz --seconds $(or $(SECONDS),300)

chaos: $(VENV)/dev.stamp
	$(BIN)/python -m tests.chaos --database postgres --seconds $(or $(SECONDS),180) $(if $(SEED),--seed $(SEED))
	$(BIN)/python -m tests.chaos --database sqlite --seconds $(or $(SECONDS),180) $(if $(SEED),--seed $(SEED))

soak: $(VENV)/base.stamp
	$(BIN)/python -m bench --only soak
	$(BIN)/python -m bench.stalled --seconds 60

bench: $(VENV)/base.stamp
	$(BIN)/python -m bench

messages: $(VENV)/dev.stamp
	$(BIN)/python -m tests.words

lock:
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header requirements/base.in -o requirements/base.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header -c requirements/base.txt requirements/dev.in -o requirements/dev.txt

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "chatsite needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 …"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/base.stamp: requirements/base.txt | $(VENV)/bin/python
	$(PIP) -r requirements/base.txt
	@touch $@

$(VENV)/dev.stamp: requirements/dev.txt $(VENV)/base.stamp
	$(PIP) -r requirements/dev.txt
	@touch $@

clean:
	rm -rf $(VENV) .hypothesis .mypy_cache .ruff_cache .pytest_cache
