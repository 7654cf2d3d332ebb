# Everything a developer does with Clarion. `make` alone lists it.
# Nothing has to be installed first but make and Python 3.11 or later: the targets build .venv themselves.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

# The first interpreter that runs and is new enough. Override: make PYTHON=/path/to/python3.13 demo
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo "$$p"; break; }; done)

VENV := .venv/.stamp
CODEGEN := .venv-codegen/.stamp
PIP_INSTALL = -m pip install --quiet --disable-pip-version-check --no-input

##@ Try it
.PHONY: demo run
demo: $(VENV) ## Send to 1,000 simulated devices and watch the results stream in
	@.venv/bin/python scripts/demo.py

run: $(VENV) ## Server and sandbox together, staying up, for grpcurl and the clients
	@.venv/bin/clarion-server dev

##@ Work on it
.PHONY: setup test check fmt bench
setup: $(VENV) ## Build .venv and install everything (other targets do it when needed)

test: $(VENV) ## Run the tests, four at a time; ARGS="-k name" passes arguments on, PROCESSES=0 runs one by one
	@.venv/bin/pytest --numprocesses $(or $(PROCESSES),4) --dist worksteal $(ARGS)

check: $(VENV) $(CODEGEN) ## Lint, types, API contract, import contracts, generated code
	@scripts/check.sh

fmt: $(VENV) ## Format and fix what can be fixed
	@.venv/bin/ruff check --fix-only --quiet .
	@.venv/bin/ruff format .
	@.venv/bin/buf format --write

bench: $(VENV) ## Measure the send path against a C HTTP/2 server
	@.venv/bin/python -m bench $(ARGS)

##@ Change the API or the dependencies
.PHONY: proto proto-image lock
proto: $(CODEGEN) ## Generate Python from protos/ into clients/python/clarion/v1
	@scripts/codegen.sh clients/python

proto-image: $(VENV) ## Accept the protos as they are: write protos/image.binpb, the base of `buf breaking`
	@.venv/bin/buf lint
	@.venv/bin/buf build --exclude-source-info --output protos/image.binpb

lock: $(VENV) ## Write requirements/*.txt; ARGS="--upgrade" moves versions
	@scripts/lock.sh $(ARGS)

##@ Other
.PHONY: clean help
clean: ## Remove environments, tools and caches from the checkout
	@rm -rf .venv .venv-codegen .tools .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

help: ## List the targets
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# --- environments ------------------------------------------------------------------------------
# A stamp is renewed when its lock or the packages' metadata change.

$(VENV): requirements/dev.txt pyproject.toml clients/python/pyproject.toml
	@scripts/make_venv.sh .venv requirements/dev.txt "$(PYTHON)"
	@.venv/bin/python $(PIP_INSTALL) --no-deps --no-build-isolation --editable . --editable clients/python
	@touch $@

$(CODEGEN): requirements/codegen.txt
	@scripts/make_venv.sh .venv-codegen requirements/codegen.txt "$(PYTHON)"
	@touch $@
