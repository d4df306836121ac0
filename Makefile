# Everything from a fresh clone: needs Python 3.11 or newer and make. `make` alone lists what there is.
#
#   make PYTHON=python3.13 ...      another Python for the environment
#   make TORCH_INDEX=<url> ...      where torch and torchvision come from (a CPU-only index, say); both from one source
#   make CONSTRAINTS=file ...       exact versions to install; CI uses constraints.txt

PYTHON      ?= python3
TORCH_INDEX ?=
CONSTRAINTS ?= $(if $(CI),constraints.txt,)
ARGS        ?=

VENV   := .venv
BIN    := $(if $(filter Windows_NT,$(OS)),$(VENV)/Scripts,$(VENV)/bin)
PIP    := $(BIN)/python -m pip --disable-pip-version-check $(if $(CI),-q,)
PINS   := $(if $(CONSTRAINTS),--constraint $(CONSTRAINTS),)

# A stamp named after what was installed: another pyproject.toml or other pins install again, nothing else does.
KEY    := $(shell cat pyproject.toml $(CONSTRAINTS) | cksum | tr ' ' '-')
READY  := $(VENV)/ready-$(KEY)
TESTED := $(VENV)/ready-test-$(KEY)

.DEFAULT_GOAL := help
.PHONY: help course site look test lint check notebooks package lab findings bench gpu clean

help: ## this list
	@echo "labkit: a course on 3D networks for video, and the package it is made of"
	@echo
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1@\2/p' Makefile | awk -F@ '{ printf "%-16s %s\n", $$1, $$2 }'
	@echo
	@sed -n 's/^#   \(make .*\)/  \1/p' Makefile

course: $(READY) ## run all notebooks and build the site; ends with the path of its first page
	@$(BIN)/labkit course $(ARGS)

site: $(READY) ## build the site anew from the runs of the last `make course`; runs nothing
	@$(BIN)/labkit course site $(ARGS)

look: $(TESTED) ## look at the built site in a browser: every notebook's page, screenshots, the README's pictures
	LABKIT_SITE=build/site LABKIT_SCREENSHOTS=build/screenshots $(BIN)/python -m pytest tests/browser/test_notebook_pages_in_a_browser.py $(ARGS)
	$(BIN)/python docs/pictures.py build/screenshots

test: lint package ## everything: lint, types, the package, tests (browser and slow ones too), notebooks
	$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)
	@$(MAKE) --no-print-directory notebooks

lint: $(TESTED) ## style, format and types; the papers, their numbers and cards
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/labkit card check --quiet summaries

check: $(TESTED) ## the quick tests, three minutes on two cores
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow and not browser" $(ARGS)

notebooks: $(TESTED) ## run the notebooks as tests: no cell may fail, marked outputs must be as committed
	$(BIN)/python -m pytest --nbval-lax --nbval-cell-timeout=600 --timeout=1200 notebooks

package: $(READY) ## build sdist and wheel into dist/, and try the wheel outside the checkout
	$(BIN)/python .ci/package.py dist

lab: $(READY) ## open the notebooks in JupyterLab
	@$(BIN)/labkit lab

findings: $(READY) ## measure the findings over five seeds; goes on where it was stopped
	@$(BIN)/labkit findings $(ARGS)

bench: $(TESTED) ## measure speed against the alternatives; each script prints a table
	$(PIP) install -e ".[bench]" $(PINS)
	@for script in $$(grep -l __main__ benchmarks/*.py); do echo "== $$script"; $(BIN)/python $$script || exit 1; done

gpu: $(TESTED) ## on a GPU: its tests, notebook 04 at the paper's size, speeds; at most 8 minutes
	@$(BIN)/python benchmarks/gpu.py $(ARGS)

clean: ## remove the environment and everything built
	rm -rf $(VENV) build dist

$(VENV)/made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "labkit needs Python 3.11 or newer, and '$(PYTHON)' is not; say which to use: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "'$(PYTHON)' has no venv module; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@echo "making $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(READY): $(VENV)/made
	@echo "installing labkit into $(VENV) (the first time takes minutes: torch is large)"
	@# Such an index may lack the pinned versions of what torch needs: that comes with labkit, in the next line.
	@$(if $(TORCH_INDEX),$(PIP) install --no-deps torch torchvision --index-url $(TORCH_INDEX) $(PINS),:)
	@$(PIP) install -e ".[flow,site]" $(PINS)
	@rm -f $(VENV)/ready-*
	@touch $@

$(TESTED): $(READY)
	@echo "installing what the tests need"
	@$(PIP) install -e ".[test]" $(PINS)
	@touch $@
