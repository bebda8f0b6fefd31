# make run    the whole course, headless, with a table of the results
# make test   every test but those below
# make test-notebooks    every notebook: its outputs as they are stored, on other data, with the exercises solved;
#   and whole projects and long trainings
# make lab    JupyterLab, opened on the first notebook
# make workshop    what a teacher hands out, in build/workshop; PROFILE=small shortens the long cells
# make slides  slides for the teacher's guide's three agendas, in build/slides
# make room  a stick for a room without a network, in build/room; PLATFORMS="linux windows macos" says for which laptops
# make site   the course as web pages that need no network, in build/site
# make pdf    the course as one file, build/mldrl-lite.pdf, printed by Chromium
# make test-browser    the tests that need a browser
# make test-data    every notebook on each kind of data, in its small profile: half an hour
# make test-hosts    a sweep and a training over several hosts, whose plugs are pulled; needs root and iproute2
# make test-gpu    what only a GPU can show, and every notebook beside one; without a GPU, the CPU stands in for it
# make bench  what the course says about speed, measured: a table and a figure in build/bench
# make matrix the first two on other Pythons and with other versions: tests/matrix/matrix.py says how
# Each of them builds the environment .venv first, where it is not there; TORCH=cpu gives it PyTorch's small CPU build.
PYTHON ?= python3
VENV = .venv
BIN = $(VENV)/bin
NOTEBOOKS = $(sort $(wildcard notebooks/*.ipynb))
OUT = runs
# Much of the tests' time is spent waiting for kernels to start, so three at once keep two cores busy.
WORKERS ?= 3

# The versions of everything; make matrix gives others.
CONSTRAINTS ?= constraints-torch.txt
# PyTorch's own index of CPU builds, which TORCH=cpu takes: on Linux, plain pip brings gigabytes of CUDA libraries.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
ifneq ($(filter-out cpu,$(TORCH)),)
$(error TORCH=$(TORCH) is not known: give TORCH=cpu, or leave it out for what pip brings)
endif

# The course's kernels are forked from a process that has torch and Lightning loaded; KERNEL=python3 starts plain ones.
ifdef KERNEL
export MLDRL_LITE_KERNEL = $(KERNEL)
endif

# A model this small gains nothing from several threads, and threads of processes that run at once wait for each other.
export OMP_NUM_THREADS ?= 1
# Where processes share the cores, a thread of two that waits in a loop takes the core from a process that computes.
test test-notebooks test-browser test-data test-hosts: export OMP_WAIT_POLICY ?= passive
ifdef JOBS
run: export OMP_WAIT_POLICY ?= passive
endif

.PHONY: install run test test-notebooks test-browser test-data test-hosts test-gpu bench lab workshop slides room site pdf notebooks readme lint clean matrix FORCE

install: $(VENV)/installed

# Each file below stands for a step that was finished, so that a half-built environment is taken up where it stopped.
# Where Python does not start in it, as after an upgrade of the system, it is made anew.
WORKS := $(shell $(BIN)/python -c "import sys; sys.exit(sys.prefix == sys.base_prefix)" 2> /dev/null && echo yes)
# No learner should have to compile: a wheel of an older version goes before a newer one without. (grimp, in Rust, is
# what lint-imports needs.)
PIP = $(BIN)/python -m pip --require-virtualenv install --disable-pip-version-check --prefer-binary \
  --only-binary grimp --constraint $(CONSTRAINTS)
TORCH_IS_THERE = $(VENV)/torch$(if $(TORCH),-$(TORCH))
NOT_INSTALLED = { echo "mldrl-lite: $(1) could not be installed, for the reason that pip gives above; \
once that is mended, the same command takes up where it stopped." >&2; exit 1; }

$(VENV)/made: $(if $(WORKS),,FORCE)
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and \
	  'mldrl-lite needs Python 3.11 or newer: make PYTHON=python3.12, say')"
	@echo "Step 1 of 4: a virtual environment in $(VENV)"
	@$(if $(WORKS),$(BIN)/python -m pip --version > /dev/null 2>&1 ||) $(PYTHON) -m venv --clear $(VENV)
	@touch $@

# With --upgrade, 2.13.0+cpu replaces a 2.13.0 that came with CUDA, because pip takes it for newer.
$(TORCH_IS_THERE): $(VENV)/made
	@echo "Step 2 of 4: PyTorch $(if $(TORCH),from $(TORCH_INDEX),as pip brings it (on Linux with CUDA: gigabytes; \
	TORCH=cpu is smaller)). Pip unpacks it at the end, for a minute or more"
	@$(PIP) $(if $(TORCH),--upgrade --extra-index-url $(TORCH_INDEX)) torch || $(call NOT_INSTALLED,PyTorch)
	@touch $(VENV)/torch $@

$(VENV)/installed: pyproject.toml constraints.txt constraints-torch.txt $(TORCH_IS_THERE)
	@echo "Step 3 of 4: the packages of the course"
	@$(PIP) --editable ".[test]" || $(call NOT_INSTALLED,what the course needs)
	@echo "Step 4 of 4: the warm kernel"
	@$(BIN)/mldrl-lite kernel
	@$(BIN)/python -c "import platform, torch; cuda = torch.version.cuda; print('$(VENV) is ready: Python', \
	  platform.python_version() + ', torch', torch.__version__, f'(CUDA {cuda} build)' if cuda else '(CPU build)')"
	@touch $@

FORCE:

run: install
	$(BIN)/mldrl-lite course $(NOTEBOOKS) --out "$(OUT)" $(if $(JOBS),--jobs '$(JOBS)') \
	  $(if $(PROFILE),--profile '$(PROFILE)') $(if $(DATA_TYPE),-p data_type '$(DATA_TYPE)') \
	  $(if $(DATA_DIR),-p data_dir '$(DATA_DIR)')

test: install
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports
	$(BIN)/python tests/lint_notebooks.py
	$(BIN)/python -m pytest -m "not whole" -n $(WORKERS) --dist worksteal --durations 15 \
	  --ignore tests/browser --ignore tests/any_data --ignore tests/hosts

test-notebooks: LONG = $(foreach number,08 10 09 07 11,$(filter notebooks/$(number)_%,$(NOTEBOOKS)))
test-notebooks: install
	$(BIN)/python -m pytest -m whole tests/core tests/kernels tests/runs tests/studies tests/teach -n $(WORKERS) \
	  --dist worksteal --durations 15
	rm -rf build/nbval && mkdir -p build/nbval && cp $(NOTEBOOKS) build/nbval
	@# Those that take longest come first: begun at the end, one of them would run alone.
	cd build/nbval && MLDRL_LITE_PROGRESS= PYTHONPATH="$(abspath tests)" "$(abspath $(BIN))/python" -m pytest \
	  -p nbval_messages -n $(WORKERS) --dist loadfile --nbval-lax \
	  --nbval-kernel-name $(or $(KERNEL),python3) --nbval-cell-timeout 900 \
	  --nbval-sanitize-with "$(abspath tests/nbval.cfg)" -c /dev/null --rootdir . \
	  --no-loadscope-reorder $(notdir $(LONG) $(filter-out $(LONG),$(NOTEBOOKS)))

# What the course says about speed, measured side by side: a table and a figure in build/bench.
bench: install
	$(BIN)/python -m mldrl_lite.studies.bench $(NOTEBOOKS)

lab: install
	$(BIN)/jupyter lab --ServerApp.root_dir=. notebooks/00_quickstart.ipynb

workshop: install
	$(BIN)/python -m mldrl_lite.teach.workshop $(if $(PROFILE),--profile '$(PROFILE)')

# reveal.js comes with a package of its own extra.
slides: install
	@$(PIP) --quiet --editable ".[slides]" || $(call NOT_INSTALLED,what draws the slides)
	$(BIN)/python -m mldrl_lite.teach.slides

# Wheels for this system, or for PLATFORMS, and for this Python, or for PYTHONS; TORCH=cpu takes PyTorch's CPU builds.
room: install
	$(BIN)/python -m mldrl_lite.teach.room.making $(if $(PLATFORMS),--systems $(PLATFORMS)) \
	  $(if $(PYTHONS),--pythons $(PYTHONS)) $(if $(TORCH),--index $(TORCH_INDEX))

$(VENV)/site: $(VENV)/installed
	@$(PIP) --quiet --editable ".[test,site]" || $(call NOT_INSTALLED,what builds the site)
	@touch $@

# To look at it as on the web: python -m http.server --bind 127.0.0.1 --directory build/site
site: install $(VENV)/site
	$(BIN)/python -m mldrl_lite.teach.site.build

pdf: install $(VENV)/site
	$(BIN)/python -m mldrl_lite.teach.site.build --pdf build/mldrl-lite.pdf

matrix:
	$(PYTHON) tests/matrix/matrix.py $(ROWS) $(if $(KEEP),--keep)

# Two at once: each has a JupyterLab of its own, whose kernel keeps a core busy.
test-browser: install
	$(BIN)/python -m pytest tests/browser -n 2 --dist loadgroup --durations 15

test-data: install
	$(BIN)/python -m pytest tests/any_data -n $(WORKERS) --dist worksteal --durations 15

# Where there is no root, or no iproute2, each test says so and is skipped.
test-hosts: install
	$(BIN)/python -m pytest tests/hosts -n 2 --dist worksteal --durations 15

test-gpu: install
	$(BIN)/python -m pytest tests/gpu -n 4 --durations 15

notebooks: install
	$(BIN)/mldrl-lite store $(NOTEBOOKS)
	$(BIN)/python -m mldrl_lite.teach.system_picture notebooks/pictures/system.png

# The parts of README.md that other files know: commands, minutes, address. (Versions come from make matrix.)
readme: install
	$(BIN)/python tests/readme.py

lint: install
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	$(BIN)/lint-imports
	$(BIN)/python tests/lint_notebooks.py

clean:
	rm -rf .venv runs build .pytest_cache .ruff_cache *.egg-info
	find . -name __pycache__ -prune -exec rm -rf {} +
	rm -rf notebooks/runs notebooks/.ipynb_checkpoints
