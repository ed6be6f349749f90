# `make help` lists the targets. `make PYTHON=python3.12 test` chooses the interpreter.
PYTHON ?= python3
VENV ?= .venv
BACKENDS ?= tensorflow jax torch
# On Linux the torch of PyPI brings several GB of CUDA. PyTorch's own index has CPU builds, which
# count as newer than the same version without "+cpu", so that pip takes them where it sees them:
#   make test-backends TORCH_INDEX=https://download.pytorch.org/whl/cpu
TORCH ?= torch==2.13.0
# Processes that run tests side by side; those of the core take several GB each.
WORKERS ?= 2
TORCH_INDEX ?=

BIN := $(VENV)/bin
PYTEST := $(BIN)/pytest --numprocesses $(WORKERS) --dist loadscope
# Several processes whose OpenMP threads wait for each other take a multiple of the time.
test test-backends test-wheels: export OMP_NUM_THREADS = 1
# A test that trains an equal model again need not compile it again; on JAX that is most of the time.
test-backends: export JAX_COMPILATION_CACHE_DIR = $(abspath $(VENV))/jax-cache
test-backends: export JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS = 0.2
# On JAX the CPU is two devices, for the tests that share a batch out.
test-backends: export XLA_FLAGS = --xla_force_host_platform_device_count=2
PLUGINS := $(patsubst %/pyproject.toml,%,$(wildcard plugins/*/pyproject.toml))
# Written by the page on adding a model alone, and installed nowhere but where their wheels are tested.
EXAMPLES := $(patsubst %/pyproject.toml,%,$(wildcard examples/*/pyproject.toml))
PLUGIN_TESTS := $(PLUGINS:%=test/%)
PYPROJECTS := pyproject.toml $(PLUGINS:%=%/pyproject.toml)
INSTALLED := $(VENV)/.installed
BACKENDS_INSTALLED := $(VENV)/.backends-installed

.PHONY: $(PLUGIN_TESTS) help install demo test test-backends test-wheels lint fix bench clean
.DEFAULT_GOAL := help

help:  ## List the targets.
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "%-14s %s\n", $$1, $$2}'

install: $(INSTALLED)  ## Make .venv with the core and every plugin, editable.

demo: RUN := runs/demo-$(shell date +%Y%m%d-%H%M%S)
demo: $(INSTALLED)  ## Train the VAE on handwritten digits; samples, reconstructions, report.
	$(BIN)/zoo train vae --out $(RUN)
	$(BIN)/zoo sample $(RUN)
	$(BIN)/zoo latent reconstruct $(RUN)
	$(BIN)/zoo evaluate $(RUN)
	@echo "Open $(RUN)/report.html in a browser."

# TensorFlow keeps some memory of every model that it has compiled, after hundreds of them gigabytes:
# each plugin has a process of its own, and as many as there are workers run side by side.
test: $(INSTALLED)  ## Run the tests of the core and of every plugin.
	status=0; $(PYTEST) tests || status=1; \
	$(MAKE) --keep-going --jobs $(WORKERS) --output-sync=target $(PLUGIN_TESTS) || status=1; \
	exit $$status

$(PLUGIN_TESTS): test/%: $(INSTALLED)
	$(BIN)/pytest $*

test-backends: $(BACKENDS_INSTALLED)  ## Install JAX and torch; run the contract on each backend.
	set -e; for backend in $(BACKENDS); do \
	  echo "== $$backend"; KERAS_BACKEND=$$backend $(PYTEST) -m "backends and not slow"; \
	done

test-wheels: $(INSTALLED)  ## Test the wheel of each plugin and example with the core's.
	.ci/test-wheels $(BIN)/python $(PLUGINS) $(EXAMPLES)

lint: $(INSTALLED)  ## Check style, formatting and types.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy zoo $(wildcard plugins/*/zoo_* examples/*/zoo_*)

fix: $(INSTALLED)  ## Mend what ruff can mend by itself.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(INSTALLED)  ## Measure start-up, training and sampling.
	$(BIN)/python -m benchmarks

clean:  ## Remove the environments, builds and caches; runs stay.
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# One command, so that pip takes the plugins' core from here and not from an index.
$(INSTALLED): $(PYPROJECTS) | $(BIN)/python
	$(BIN)/python -m pip install --editable ".[test,lint]" $(PLUGINS:%=--editable ./%)
	touch $@

$(BACKENDS_INSTALLED): $(INSTALLED)
	$(BIN)/python -m pip install $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) \
	  --editable ".[jax]" "$(TORCH)"
	touch $@
