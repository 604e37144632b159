# The course's commands. `make help` lists them.

PYTHON ?= python3
CELL_SECONDS ?= 90

VENV := .venv
BIN := $(VENV)/bin/python
READY := $(VENV)/.ready
PYTEST := $(BIN) -m pytest
SIDE_BY_SIDE := -n 2 --dist loadfile
NOTEBOOKS := $(wildcard chapters/*.ipynb)
START := chapters/00_start.ipynb

# The kernel of .venv comes before one that the user installed elsewhere.
export JUPYTER_PREFER_ENV_PATH = 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup lab test unit chapters browser bench reproduce seeds check format book timings lock clean

help: ## this list
	@awk -F ':[^#]*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# ---------------------------------------------------------------------------- setting up
# .ready is taken away before anything is changed and written last: without it the environment is
# unfinished and is made anew. It holds this folder's path, because a moved environment is broken.
ifneq ($(shell test -x $(BIN) && cat $(READY) 2>/dev/null),$(CURDIR))
$(shell rm -f $(READY) 2>/dev/null)
NEW := --clear
.PHONY: $(READY)
endif

setup: $(READY) ## the environment in .venv, made or brought up to date

$(READY): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "The course needs Python 3.11 or newer, and '$(PYTHON)' is not: install one (sudo apt-get install python3 python3-venv) or name one (make PYTHON=python3.12 $(MAKECMDGOALS))." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "This Python cannot make environments yet: sudo apt-get install python3-venv" >&2; exit 1; }
	@if [ -e $(VENV) ]; then [ -w $(VENV) ]; else [ -w . ]; fi || { \
	  echo "$(CURDIR)/$(VENV) has to be made anew or brought up to date, and you may not write there: ask its owner for 'make setup', or work in a clone of your own." >&2; exit 1; }
	@echo "Setting up $(VENV): this takes minutes the first time, seconds later."
	@rm -f $@
	$(if $(NEW),$(PYTHON) -m venv --clear --prompt dlkit $(VENV))
	$(BIN) -m pip install $(if $(NEW),,--quiet) --disable-pip-version-check -r requirements.lock
	$(BIN) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@# no pop-up about Jupyter's news; notebooks enter git without outputs and show readable diffs
	@$(BIN) -m jupyter labextension disable --level=sys_prefix @jupyterlab/apputils-extension:announcements 2>/dev/null
	@! git rev-parse --git-dir >/dev/null 2>&1 || { \
	  git config filter.nbstripout.clean '$(BIN) -m nbstripout --keep-id' && \
	  git config filter.nbstripout.smudge cat && \
	  git config diff.ipynb.textconv '$(BIN) -m nbstripout --textconv --keep-id'; }
	@echo '$(CURDIR)' > $@

# ---------------------------------------------------------------------------- learning
# JupyterLab on this machine only, behind its token. Without a screen it prints the address instead.
RUNTIME := import os, jupyter_core.paths as p; d = p.jupyter_runtime_dir(); \
  os.makedirs(d, 0o700, exist_ok=True); raise SystemExit(not os.access(d, os.W_OK))

lab: $(READY) ## open the course in JupyterLab
	@$(BIN) -c '$(RUNTIME)' 2>/dev/null || { \
	  echo "Jupyter and your progress need a home folder that you may write to, and '$$HOME' is none: name another (HOME=/tmp/me make lab)." >&2; exit 1; }
	@[ -w chapters ] || $(if $(findstring root_dir,$(LAB)),true,\
	  echo "You may run this folder's chapters but not save them: README.md says how to open a copy (Teach with it).")
	@[ -n "$$DISPLAY$$WAYLAND_DISPLAY" ] || [ "$$(uname)" != Linux ] || screen=--no-browser; \
	[ "$$(id -u)" != 0 ] || root=--allow-root; \
	echo "Starting JupyterLab; Control-C stops it."; \
	exec $(BIN) -m jupyterlab --log-level=WARN --ServerApp.ip=127.0.0.1 \
	  --LabApp.extension_manager=readonly \
	  --LabApp.default_url=/lab/tree/$(START) $$screen $$root $(LAB)

book: $(READY) ## the executed course as a static site in build/book: CHAPTER=05, or all
	$(BIN) -m tools.book build/book $(CHAPTER)

timings: $(READY) ## each chapter's minutes and memory into the README: CHAPTER=05, or all
	$(BIN) -m tools.timings $(CHAPTER)

# ---------------------------------------------------------------------------- testing
unit chapters browser bench reproduce seeds book timings: export OMP_NUM_THREADS = 1
unit chapters browser bench reproduce seeds book timings: export OPENBLAS_NUM_THREADS = 1
unit chapters browser bench reproduce seeds book timings: export MKL_NUM_THREADS = 1

test: $(READY) ## every test: unit tests, chapters, browser
	@$(MAKE) --no-print-directory --keep-going --jobs=1 unit chapters browser

unit: $(READY) ## the tests of dlkit and of the house
	$(PYTEST) -p no:benchmark $(SIDE_BY_SIDE) tests --ignore=tests/browser --ignore=tests/benchmarks

# --dist loadfile keeps the cells of one notebook in one worker and in order. --nbval-lax compares
# no outputs, so that chapters which somebody has already run and saved pass too.
chapters: $(READY) ## run every cell of every chapter
	$(PYTEST) -p no:benchmark $(SIDE_BY_SIDE) --nbval-lax --nbval-current-env \
	  --nbval-cell-timeout=$(CELL_SECONDS) $(NOTEBOOKS)

browser: $(READY) ## play with every widget in a real browser
	$(PYTEST) -p no:benchmark tests/browser

bench: $(READY) ## speed beside other libraries, latency of the widgets
	$(PYTEST) -p no:xdist -s --benchmark-columns=median,iqr,rounds tests/benchmarks

# What takes too long for a notebook. What was stopped goes on from its last finished point.
reproduce: $(READY) ## a chapter's experiment at full size: CHAPTER=05
	@script=$$(ls tools/reproduce/ch$(CHAPTER)_*.py 2>/dev/null) || { \
	  echo "Say which: make reproduce CHAPTER=NN, with one of: $(patsubst tools/reproduce/ch%.py,%,$(wildcard tools/reproduce/ch*.py))" >&2; exit 1; }; \
	exec $(BIN) $$script $(REPRODUCE)

# A claim that holds with the committed seeds alone was found, not measured.
seeds: $(READY) ## every claim with three other sets of seeds: CHAPTER=05, or all
	$(BIN) -m tools.seeds $(CHAPTER)

check: $(READY) ## lint, format, types, clean notebooks: the fast, static part
	$(BIN) -m ruff check .
	$(BIN) -m ruff format --check .
	$(BIN) -m nbstripout --verify --keep-id $(NOTEBOOKS)
	$(BIN) -m pyright

format: $(READY) ## put code and notebooks into their format
	$(BIN) -m ruff check --fix .
	$(BIN) -m ruff format .
	$(if $(NOTEBOOKS),$(BIN) -m nbstripout --keep-id $(NOTEBOOKS))

# ---------------------------------------------------------------------------- keeping house
lock: ## choose the newest versions that pyproject.toml allows, write requirements.lock
	tools/lock.sh $(PYTHON)

clean: ## remove what was built; .venv and your progress stay
	rm -rf build dist .pytest_cache .ruff_cache .hypothesis .benchmarks
	find chapters dlkit tests tools -name __pycache__ -prune -exec rm -rf {} +
