# Two commands matter, each complete on a fresh machine: `make up` and `make test`. `make help` lists the rest.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL: # the steps of `test` have an order; pytest does what can be done side by side

PORT ?= 8400
CONTROL_PORT ?= 8401
HOME_DIR ?=
ARGS ?=
# Three on two cores: half of a test's time is waiting, for processes to start, to end or to notice.
WORKERS ?= 3

BIN := .venv/bin
INSTALLED := .venv/.strongroom-installed
PYTEST := $(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

# A checkout that has moved installs anew: the scripts in .venv carry its path.
ifneq ($(shell cat $(INSTALLED) 2>/dev/null),$(CURDIR))
.PHONY: $(INSTALLED)
endif

$(INSTALLED): pyproject.toml uv.lock tools/uv.txt tools/install
	@tools/install

##@ Run

.PHONY: up
up: $(INSTALLED) ## Install, then serve the demo in the foreground (PORT=8400 CONTROL_PORT=8401 HOME_DIR=./.strongroom)
	@exec $(BIN)/strongroom up --demo --port $(PORT) --control-port $(CONTROL_PORT) $(if $(HOME_DIR),--home '$(HOME_DIR)') $(ARGS)

.PHONY: install
install: $(INSTALLED) ## Install everything into .venv, and nothing else

.PHONY: browser
browser: ## Install Chromium for the console's tests (the one step that needs root)
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-liberation

##@ Check

.PHONY: test
test: needs lint types layers docs all-tests ## Run everything that CI runs

.PHONY: needs
needs: ## Say what the machine lacks for `make test`
	@tools/needs

.PHONY: lint
lint: $(INSTALLED) ## Check style and format (ruff)
	@echo '== lint'
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check

.PHONY: types
types: $(INSTALLED) ## Check types twice (mypy --strict, pyright strict), with the lines that must not type-check
	@echo '== types'
	@# Side by side, as each uses one core: mypy says all it has to say at its end.
	@$(BIN)/mypy --strict & mypy=$$!; code=0; $(BIN)/pyright || code=$$?; wait $$mypy && exit $$code
	@$(BIN)/pyright --project tests/typing

.PHONY: layers
layers: $(INSTALLED) ## Check that each room imports only rooms below it (import-linter)
	@echo '== layers'
	@$(BIN)/lint-imports --no-logo

.PHONY: docs
docs: $(INSTALLED) ## Build the documentation into site/; a broken link or anchor fails
	@echo '== docs'
	@$(BIN)/properdocs build --quiet --strict --config-file mkdocs.yml

.PHONY: all-tests
all-tests: $(INSTALLED) ## Run every pytest (unit, property, functional, isolation, architecture)
	@echo '== tests'
	@# Hundreds of processes share two cores here. What fails beside others is said, and run once more with nothing beside it;
	@# but not what shows that tenants are apart: a wall that stands most of the time is none.
	@$(PYTEST) tests $(ARGS) || { code=$$?; [ $$code -eq 1 ] || exit $$code; \
	  ! grep -o '"tests/isolation[^"]*"' .pytest_cache/v/cache/lastfailed || exit 1; \
	  echo '== tests that failed, once more and alone'; \
	  $(BIN)/pytest --last-failed --last-failed-no-failures none --maxfail 5 tests $(ARGS); }

.PHONY: unit property functional isolation architecture typing
unit: $(INSTALLED) ## Run the unit tests
	@$(PYTEST) tests/unit $(ARGS)
property: $(INSTALLED) ## Run the property tests
	@$(PYTEST) tests/property $(ARGS)
functional: $(INSTALLED) ## Run the tests against a real PostgreSQL, real models and a real browser
	@$(PYTEST) tests/functional $(ARGS)
isolation: $(INSTALLED) ## Run the negative isolation tests
	@$(PYTEST) tests/isolation $(ARGS)
architecture: $(INSTALLED) ## Run the checks of the repository itself
	@$(PYTEST) tests/architecture $(ARGS)
typing: $(INSTALLED) ## Check that what must not type-check does not
	@$(PYTEST) tests/architecture/test_typing.py $(ARGS)

##@ Measure

.PHONY: bench
bench: $(INSTALLED) ## Run every measurement in bench/, one after the other
	@for each in $(wildcard bench/[!_]*.py bench/*/__main__.py); do echo "== $$each"; $(BIN)/python $$each $(ARGS); done

bench-%: $(INSTALLED) ## Run one measurement: bench/NAME.py or bench/NAME/__main__.py
	@$(BIN)/python $(firstword $(wildcard bench/$*.py) bench/$*) $(ARGS)

##@ Change

.PHONY: truth-table
truth-table: $(INSTALLED) ## Write tests/isolation/authorisation.txt anew from the policies; its diff is the review
	@$(BIN)/python -m strongroom.policy.truthtable

.PHONY: schema
schema: $(INSTALLED) ## Write schema.sql anew from the migrations
	@$(BIN)/python -m strongroom.store.schema

.PHONY: format
format: $(INSTALLED) ## Put the code in format and mend what ruff can mend
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

.PHONY: lock
lock: ## Resolve dependencies anew after pyproject.toml has changed
	@tools/install --uv-only
	@.tools/uv/bin/uv lock

.PHONY: clean
clean: ## Remove what was built or installed here; never the state in .strongroom
	rm -rf .venv .tools site build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage*

.PHONY: help
help: ## List the targets
	@awk 'BEGIN { FS = ":.*## " } \
	  /^##@ / { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z%-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
