# Two commands do all the set-up on a fresh machine with python3 and make:
#   make demo   sample raw data, a dataset version, a trained U-Net, its scores and page
#   make test   lint, types and tests
# and one more builds on a Flink cluster, with Java, Maven and iproute2 of the system:
#   make cluster-test

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := demo

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test cluster-test lint format clean

help:  ## Show what can be made.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

# The bare install is what a user has; `make test` adds the tools of developers to it.
$(BIN)/.installed: setup.py
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	touch $@

$(BIN)/.installed-dev: $(BIN)/.installed setup.py
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

$(BIN)/.installed-cluster: $(BIN)/.installed-dev setup.py
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,cluster]'
	touch $@

demo: export TF_CPP_MIN_LOG_LEVEL = 3
demo: export SEG_DATASETS_CACHE = $(CURDIR)/$(DEMO)/cache
demo: $(BIN)/.installed  ## Draw sample data, build `aerial`, train, score; about 8 minutes.
	rm -rf $(DEMO)/data $(DEMO)/run
	$(BIN)/python -m seg_datasets.aerial.sample $(DEMO)/raw
	$(BIN)/tfds build seg_datasets/aerial --manual_dir=$(DEMO)/raw --data_dir=$(DEMO)/data
	$(BIN)/python -m recipes.unet --dataset=aerial --data_dir=$(DEMO)/data --workdir=$(DEMO)/run
	$(BIN)/python -m recipes.evaluate --workdir=$(DEMO)/run --split=test

test: $(BIN)/.installed-dev lint  ## Lint, types and tests; makes the environment if needed.
	$(BIN)/python -m pytest -n 2

cluster-test: $(BIN)/.installed-cluster  ## Builds on a Flink cluster of two hosts that it starts.
	$(BIN)/python -m pytest -m cluster tests/cluster

lint: $(BIN)/.installed-dev  ## Lint and types only.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(BIN)/.installed-dev  ## Put the code into the project's form.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:  ## Remove the environment and what the demo made.
	rm -rf $(VENV) $(DEMO) tests/cluster/target build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
