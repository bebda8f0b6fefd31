# make run    the whole course, headless, with a table of the results
# make test   every test
# make lab    JupyterLab, opened on the first notebook
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
NOTEBOOKS = $(sort $(wildcard notebooks/*.ipynb))
OUT ?= runs
# Much of the tests' time is spent waiting for kernels to start, so three at once keep two cores busy.
WORKERS ?= 3

# A model this small gains nothing from several threads, and threads of processes that run at once wait for each other.
export OMP_NUM_THREADS ?= 1

.PHONY: install run test lab notebooks lint clean

install: $(VENV)/installed

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'mldrl-lite needs Python 3.11 or newer: make PYTHON=python3.12, say')"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check --constraint constraints.txt --editable ".[test]"
	touch $@

run: install
	$(BIN)/mldrl-lite course $(NOTEBOOKS) --out "$(OUT)" \
	  $(if $(DATA_TYPE),-p data_type '$(DATA_TYPE)') $(if $(DATA_DIR),-p data_dir '$(DATA_DIR)')

test: install
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal --durations 15
	rm -rf build/nbval && mkdir -p build/nbval && cp $(NOTEBOOKS) build/nbval
	cd build/nbval && "$(CURDIR)/$(BIN)/python" -m pytest -n $(WORKERS) --dist loadfile --nbval-lax --nbval-current-env \
	  --nbval-cell-timeout 300 -c /dev/null --rootdir . .

lab: install
	$(BIN)/jupyter lab notebooks/00_quickstart.ipynb

notebooks: install
	$(BIN)/mldrl-lite store $(NOTEBOOKS)
	$(BIN)/mldrl-lite picture notebooks/03_callbacks.ipynb 1 notebooks/pictures/hooks.png

lint: install
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

clean:
	rm -rf $(VENV) "$(OUT)" build .pytest_cache .ruff_cache *.egg-info
	find . -name __pycache__ -prune -exec rm -rf {} +
	rm -rf notebooks/runs notebooks/.ipynb_checkpoints
