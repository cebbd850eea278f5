# make demo   directions of a real face GAN, from nothing, in a few minutes
# make test   what every commit passes: format, lint, dead code, types, import rules, and the tests that prove the
#             code, in minutes (WORKERS=n: in so many processes, of one thread each)
# make test-all      make test, then make test-rest
# make test-rest     the long tests: killed processes, pages in the browser, fuzzing, trainings, and test-kernels
# make test-kernels  the numeric tests with the kernels of other processors and other numbers of threads
# make check  format, lint, dead code, types and import rules alone
# make fuzz   a million changed checkpoint files for the reader (FUZZ=n: so many); goes on where it was stopped
# make mutants  which faults, planted one at a time, the tests find; takes an hour
# make reproduce  measure the figures of the docs again; fails where one is outside its stated interval
# make browser  what the tests of pages need (Debian and its kin, as root): Chromium; without it they are skipped
# make clean  remove what the others made

PYTHON ?= python3
VENV ?= .venv
FUZZ ?= 1000000
WORKERS ?= 2
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

LONG := browser or fuzz or kills or pairs or statistics or training
PYTEST := OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses $(WORKERS) --dist worksteal

.PHONY: demo test test-all test-rest test-kernels check fuzz mutants reproduce browser clean
.DEFAULT_GOAL := demo

demo: $(VENV)/.installed
	$(BIN)/latentclr discover latentclr --generator faces --out runs/faces --overwrite
	@echo "the page to try them on: $(BIN)/latentclr explore runs/faces"

test: check
	$(PYTEST) -m "not ($(LONG))"

test-all: test test-rest

test-rest: $(VENV)/.developing
	$(PYTEST) -m "$(LONG)"
	$(MAKE) test-kernels

test-kernels: $(VENV)/.developing
	$(BIN)/python -m tests.kernels

check: $(VENV)/.developing
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/vulture
	$(BIN)/mypy
	$(BIN)/lint-imports

fuzz: $(VENV)/.developing
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.checkpoints.fuzz --inputs $(FUZZ) --seed 0 --workers 2 --state .fuzz.json

mutants: $(VENV)/.developing
	$(PIP) --editable '.[mutants]'
	$(BIN)/python -m benchmarks.mutants --name after --workers $(WORKERS) --out benchmarks/results/mutants.json

reproduce: $(VENV)/.developing
	$(BIN)/python -m benchmarks.reproduce

browser:
	apt-get update -qq
	apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core

clean:
	rm -rf $(VENV) .mutants runs build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
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
