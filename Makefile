# make demo   directions of a real face GAN, from nothing, in a few minutes
# make test   everything that a change must pass: format, lint, types, import rules, all tests (WORKERS=n: in so many
#             processes, of one thread each)
# make check  the same without the tests
# make fuzz   a million changed checkpoint files for the reader (FUZZ=n: so many); goes on where it was stopped
# make quick  the tests that need no training and no network
# make reproduce  measure the figures of the docs again; fails where one is outside its stated interval
# make browser  what the tests of pages need (Debian and its kin, as root): Chromium; without it they are skipped
# make clean  remove what the others made

PYTHON ?= python3
VENV ?= .venv
FUZZ ?= 1000000
WORKERS ?= 2
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: demo test check fuzz quick reproduce browser clean
.DEFAULT_GOAL := demo

demo: $(VENV)/.installed
	$(BIN)/latentclr discover latentclr --generator faces --out runs/faces --overwrite
	@echo "the page to try them on: $(BIN)/latentclr explore runs/faces"

test: check
	OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses $(WORKERS) --dist loadfile

check: $(VENV)/.developing
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fuzz: $(VENV)/.developing
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.checkpoints.fuzz --inputs $(FUZZ) --seed 0 --workers 2 --state .fuzz.json

quick: $(VENV)/.developing
	OMP_NUM_THREADS=1 $(BIN)/pytest -m "not slow and not network and not browser"

reproduce: $(VENV)/.developing
	$(BIN)/python -m benchmarks.reproduce

browser:
	apt-get update -qq
	apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core

clean:
	rm -rf $(VENV) runs build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# torch comes alone and first, so that nothing else chooses its version.
$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) torch
	$(PIP) --editable '.[explore,study,video]'
	touch $@

$(VENV)/.developing: $(VENV)/.installed
	$(PIP) --editable '.[dev]'
	touch $@
