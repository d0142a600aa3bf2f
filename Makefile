# Two commands do everything, set-up included: `make demo` and `make test`.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

.PHONY: demo demo-cnn demo-speakers demo-autoencoder test test-all fuzz evidence mutation lint bench bench-training bench-accuracy setup ghdl clean

demo: setup
	$(BIN)/python examples/digits.py

demo-cnn: setup
	$(BIN)/python examples/digits_cnn.py

demo-speakers: setup
	$(BIN)/python examples/speakers_cnn.py

demo-autoencoder: setup
	$(BIN)/python examples/autoencoder.py

test: setup lint
	$(BIN)/python -m pytest -n 2 --dist worksteal -q -m "not extended" --evidence build/evidence/test.json

test-all: setup lint
	$(BIN)/python -m pytest -n 2 --dist worksteal -q --evidence build/evidence/test-all.json

# From a seed: make fuzz KIND=mlp SEED=17
KIND ?= mlp
SEED ?= 0
fuzz: setup
	$(BIN)/python -m tests.fuzz $(KIND) $(SEED)

evidence: setup
	$(BIN)/python scripts/evidence.py

# Mutants of the VHDL, the templates and the integer arithmetic; FILE=vhdl/creator_ram.vhd for those of one file.
mutation: setup
	$(BIN)/python scripts/mutation.py $(FILE)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: setup
	$(BIN)/python benchmarks/peer_mlp.py

bench-training: setup
	$(BIN)/python benchmarks/training_speed.py

bench-accuracy: setup
	$(BIN)/python benchmarks/low_precision_training.py --write

setup: ghdl $(STAMP)

# The virtual environment is made anew where the packages that it should hold have changed.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "creator needs Python 3.11 or newer; set PYTHON=/path/to/python3"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

ghdl:
	@sh scripts/install-ghdl.sh

clean:
	rm -rf $(VENV) build demo dist .pytest_cache .mypy_cache .ruff_cache
