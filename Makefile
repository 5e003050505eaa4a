# Each target makes its own .venv first. `make demo` needs Python 3.11 or newer, make and a package registry.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CORES := $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)

.DELETE_ON_ERROR:
.PHONY: env demo test test-unit test-integration test-rabbitmq fidelity chaos check format bench help clean

help: ## Show the targets.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

demo: $(VENV)/.run ## Watch a quantum-volume experiment run on queue workers.
	$(BIN)/aerq demo

test: $(VENV)/.test ## All tests, with real servers, workers and Aer.
	$(BIN)/python -m pytest tests/unit -n $(CORES) --dist worksteal -q
	$(BIN)/python -m pytest tests/integration -n $(CORES) --dist loadfile -q
	$(BIN)/python -m pytest tests/fidelity -q

test-unit: $(VENV)/.test ## The tests without servers; seconds.
	$(BIN)/python -m pytest tests/unit -n $(CORES) --dist worksteal -q

test-integration: $(VENV)/.test ## The tests with real servers, workers and Aer.
	$(BIN)/python -m pytest tests/integration -n $(CORES) --dist loadfile -q

test-rabbitmq: $(VENV)/.test ## The tests with RabbitMQ as the broker; its server must be installed (.ci/rabbitmq).
	$(BIN)/python -m pytest tests/rabbitmq tests/chaos -m "rabbitmq and not slow" -n 2 --dist loadgroup -q

fidelity: $(VENV)/.test ## Compare drawn jobs with local Aer: make fidelity CASES=20000 [SEED=7].
	FIDELITY_CASES=$(or $(CASES),500) FIDELITY_SEED=$(or $(SEED),$(shell date +%s)) \
	  $(BIN)/python -m pytest tests/fidelity -q -s -k "generated or seed"

chaos: $(VENV)/.test ## Kill processes, servers and connections under load: make chaos [REPEAT=20] [FULL=1] [ROW=store] [BROKER=rabbitmq].
	CHAOS_REPEAT=$(REPEAT) CHAOS_FULL=$(FULL) $(BIN)/python -m pytest tests/chaos -n 2 -q $(if $(ROW),-k $(ROW)) \
	  -m "$(if $(filter rabbitmq,$(BROKER)),,not )rabbitmq"

fidelity-large: $(VENV)/.test ## One large statevector, 1 GiB: make fidelity-large [QUBITS=26].
	FIDELITY_QUBITS=$(or $(QUBITS),26) $(BIN)/python -m pytest tests/fidelity/test_large.py -q -s --durations=1

check: $(VENV)/.test links ## Format, lint, types, direction of the layers.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	cd .links && ../$(BIN)/lint-imports --config ../pyproject.toml --no-cache

format: $(VENV)/.test ## Format the code.
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

env: .env ## Write .env with new passwords for docker-compose.

.env:
	@umask 077; $(PYTHON) -c 'import re, secrets; print(re.sub(r"(?m)^(\w+_PASSWORD)=$$", lambda m: m[1] + "=" + secrets.token_urlsafe(24), open(".env.example").read()), end="")' > $@
	@echo "wrote .env"

bench: $(VENV)/.bench ## Compare aerq with local Aer, a process pool, Dask and plain Celery; ten minutes or more.
	$(BIN)/python benchmarks/bench.py --json benchmarks/bench.json --png benchmarks/bench.png

.PHONY: profile
profile: $(VENV)/.bench ## Show where the time of 1000 short experiments goes, phase by phase.
	$(BIN)/python benchmarks/profile_phases.py

clean: ## Remove what make made.
	rm -rf $(VENV) .links .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info

# Type checkers and the layer check want the folders under the name they install as.
.PHONY: links
links:
	@mkdir -p .links/aerq
	@for folder in config tasks jobs; do ln -sfn ../../$$folder .links/aerq/$$folder; done

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "aerq needs Python 3.11 or newer; say which with: make PYTHON=python3.12 ..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: pyproject.toml | $(VENV)/bin/python
	@echo "installing into $(VENV) (about a minute)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/.bench: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[bench]'
	@touch $@ $(VENV)/.run

$(VENV)/.test: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test,check]'
	@touch $@ $(VENV)/.run
