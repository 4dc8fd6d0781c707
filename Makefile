# Everything here works from a bare checkout: each target first makes .venv with what
# it needs, at the versions of constraints.txt. A second call finds it ready.

PYTHON ?= python3
BIN := .venv/bin
TRAIN := .venv/.train
TEST := .venv/.test
DEV := .venv/.dev

.PHONY: help demo test check format lowest bench clean
.DEFAULT_GOAL := help
.NOTPARALLEL:  # two installations at once into one .venv would break it

help:  ## list the targets
	@echo "usage: make TARGET"
	@sed -n 's/^\([a-z]*\):.*## /  \1\t/p' Makefile | expand -t 12

demo: $(TRAIN)  ## the whole method on synthetic scenes, with a report (five minutes)
	$(BIN)/dilo demo

test: $(TEST)  ## run the tests, on up to four cores
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist worksteal

check: $(DEV)  ## formatting, lint and types
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy

format: $(DEV)  ## let ruff format the code and mend what it can
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

lowest:  ## run the tests with the lowest versions that pyproject.toml allows
	$(PYTHON) -m venv .venv-lowest
	$(PYTHON) tests/lowest_versions.py > .venv-lowest/constraints.txt
	.venv-lowest/bin/python -m pip install --quiet --disable-pip-version-check \
		--constraint .venv-lowest/constraints.txt --editable ".[train,test]"
	.venv-lowest/bin/python -m pytest --numprocesses auto --maxprocesses 4 \
		--override-ini filterwarnings=default  # old libraries warn of each other

bench: $(TEST)  ## time the saliency maps
	@echo "about half a minute, on one thread"
	$(BIN)/python benchmarks/saliency.py

clean:  ## remove .venv and caches
	rm -rf .venv .venv-lowest .pytest_cache .mypy_cache .ruff_cache .hypothesis

# The lists of extras, one stamp each; whoever changes the two files gets a new one.
$(TRAIN): EXTRAS = train
$(TEST): EXTRAS = train,test
$(DEV): EXTRAS = train,test,dev
$(TRAIN) $(TEST) $(DEV): pyproject.toml constraints.txt | $(BIN)/python
	@echo "setting up .venv [$(EXTRAS)]: about two minutes, once"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--constraint constraints.txt --editable ".[$(EXTRAS)]"
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "dilo needs Python 3.11 or newer; $(PYTHON) is not. Name one:" \
		"make PYTHON=python3.12 ..." >&2; exit 2; }
	@$(PYTHON) -m venv .venv
