# make run    the whole course, headless, with a table of the results
# make test   every test but those in a browser
# make lab    JupyterLab, opened on the first notebook
# make workshop    what a teacher hands out, in build/workshop; PROFILE=small shortens the long cells
# make test-browser    the tests that need a browser
# make bench  what the course says about speed, measured: a table and a figure in build/bench
PYTHON ?= python3
VENV = .venv
BIN = $(VENV)/bin
NOTEBOOKS = $(sort $(wildcard notebooks/*.ipynb))
OUT = runs
# Much of the tests' time is spent waiting for kernels to start, so three at once keep two cores busy.
WORKERS ?= 3

# The course's kernels are forked from a process that has torch and Lightning loaded; KERNEL=python3 starts plain ones.
ifdef KERNEL
export KERNEL
endif

# A model this small gains nothing from several threads, and threads of processes that run at once wait for each other.
export OMP_NUM_THREADS ?= 1

.PHONY: install run test test-browser bench lab workshop notebooks lint clean

install: $(VENV)/installed

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'mldrl-lite needs Python 3.11 or newer: make PYTHON=python3.12, say')"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check --constraint constraints.txt --editable ".[test]"
	$(BIN)/mldrl-lite kernel
	touch $@

run: install
	$(BIN)/mldrl-lite course $(NOTEBOOKS) --out "$(OUT)" $(if $(PROFILE),--profile '$(PROFILE)') \
	  $(if $(DATA_TYPE),-p data_type '$(DATA_TYPE)') $(if $(DATA_DIR),-p data_dir '$(DATA_DIR)')

test: install
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal --durations 15 --ignore tests/browser
	rm -rf build/nbval && mkdir -p build/nbval && cp $(NOTEBOOKS) build/nbval
	cd build/nbval && "$(abspath $(BIN))/python" -m pytest -n $(WORKERS) --dist loadfile --nbval-lax \
	  --nbval-kernel-name $(or $(KERNEL),mldrl-lite) --nbval-cell-timeout 300 -c /dev/null --rootdir . .

# What the course says about speed, measured side by side: a table and a figure in build/bench.
bench: install
	$(BIN)/python -m mldrl_lite.studies.bench $(NOTEBOOKS)

lab: install
	$(BIN)/jupyter lab --ServerApp.root_dir=. notebooks/00_quickstart.ipynb

workshop: install
	$(BIN)/python -m mldrl_lite.teach.workshop $(if $(PROFILE),--profile '$(PROFILE)')

# Two at once: each has a JupyterLab of its own, whose kernel keeps a core busy.
test-browser: install
	$(BIN)/python -m pytest tests/browser -n 2 --dist loadgroup --durations 15

notebooks: install
	$(BIN)/mldrl-lite store $(NOTEBOOKS)
	$(BIN)/mldrl-lite picture notebooks/03_callbacks.ipynb 1 notebooks/pictures/hooks.png

lint: install
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

clean:
	rm -rf .venv runs build .pytest_cache .ruff_cache *.egg-info
	find . -name __pycache__ -prune -exec rm -rf {} +
	rm -rf notebooks/runs notebooks/.ipynb_checkpoints
