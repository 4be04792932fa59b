# `make run` and `make test` need Python 3.11 or newer and make; everything else they fetch themselves.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip --disable-pip-version-check --quiet install
# What `make test` uses beyond Python, by command: chromium for the browser tests, two servers for those of brokers.
# `make bench` uses wrk and one of them.
COMMANDS := chromium rabbitmq-server redis-server
PYTEST_ARGS ?= -n 2 --dist loadgroup

.PHONY: run test check lint types imports migrations deployment audit fuzz format bench chaos clean help
.DEFAULT_GOAL := help

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/.run  ## Run all of Sluice; Ctrl-C stops it
	@exec $(BIN)/python manage.py up --tied

test: $(VENV)/.dev packages  ## Run the whole test suite
	@exec $(BIN)/python -m pytest $(PYTEST_ARGS)

check: lint types imports migrations deployment audit  ## Lint, types, import rules, migrations, deployment checks, known vulnerabilities

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	$(PRODUCTION) $(BIN)/mypy

imports: $(VENV)/.dev
	PYTHONPATH=. $(BIN)/lint-imports

migrations: $(VENV)/.dev
	$(PRODUCTION) $(BIN)/python manage.py makemigrations --check --dry-run

deployment: $(VENV)/.dev
	$(PRODUCTION) $(BIN)/python manage.py check --deploy --fail-level WARNING

audit: $(VENV)/.dev
	$(BIN)/python .ci/audit.py constraints.txt

# Settings as a production would have them. No server is asked.
PRODUCTION := env DATA_DIR=$(VENV)/check HTTPS=1 ALLOWED_HOSTS=sluice.example DATABASE_URL= LOG_LEVEL=ERROR \
	PYTHONWARNINGS="ignore:Got an error checking a consistent migration history"

format: $(VENV)/.dev  ## Format the code and apply the linter's fixes
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: COMMANDS := wrk rabbitmq-server
bench: $(VENV)/.dev packages  ## Measure throughput and latency on this machine
	@exec $(BIN)/python -m bench.run

chaos: COMMANDS := rabbitmq-server gcc
chaos: $(VENV)/.dev packages  ## Inject faults under load and check every promise; SHORT=1 takes under 5 minutes
	@exec $(BIN)/python -m chaos $(if $(SHORT),--short) $(if $(SEED),--seed=$(SEED)) $(if $(FAULTS),--faults=$(FAULTS)) \
		$(if $(CONTROL),--control=$(CONTROL)) $(if $(LATENCY),--latency) $(if $(COUNT),--count=$(COUNT)) $(if $(EVENTS),--events=$(EVENTS)) \
		$(if $(RATE),--rate=$(RATE)) $(if $(REPORT),--report=$(REPORT))

SECONDS ?= 60
fuzz: $(VENV)/.dev  ## Feed the decoder made-up bytes for SECONDS (60); installs atheris
	@$(PIP) atheris==3.0.0
	@mkdir -p $(VENV)/corpus && cp -n tests/fuzz/corpus/* $(VENV)/corpus/
	@exec env DATA_DIR=$(VENV)/check LOG_LEVEL=ERROR $(BIN)/python -m tests.fuzz.decoder $(VENV)/corpus \
		-max_total_time=$(SECONDS) -dict=tests/fuzz/dictionary.txt -artifact_prefix=$(VENV)/

clean:  ## Remove the virtualenv and caches; data in DATA_DIR stays
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps make a second call instant. `.made` tells a whole virtualenv from an interrupted one.
$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "Sluice needs Python 3.11 or newer: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV) || \
		{ echo "Python's venv module is missing; on Debian: apt-get install python3-venv" >&2; exit 1; }
	@touch $@

$(VENV)/.run: requirements.txt constraints.txt $(VENV)/.made
	@echo "installing what Sluice runs on into $(VENV)"
	@$(PIP) -r requirements.txt
	@touch $@

$(VENV)/.dev: requirements-dev.txt requirements.txt constraints.txt $(VENV)/.made
	@echo "installing what the tests need into $(VENV)"
	@$(PIP) -r requirements-dev.txt
	@touch $@ $(VENV)/.run

.PHONY: packages
packages:
	@PATH="$$PATH:/usr/sbin"; missing=""; for name in $(COMMANDS); do command -v $$name >/dev/null || missing="$$missing $$name"; done; \
	[ -z "$$missing" ] && exit 0; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "installing$$missing"; \
		{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing; } \
			>/dev/null 2>&1 </dev/null && exit 0; \
	fi; \
	echo "not installed:$$missing; what needs it is left out and says so"
