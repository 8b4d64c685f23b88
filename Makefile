# Everything runs in a virtual environment of its own, .venv; a stamp there says what is installed in it.
# Another Python: make demo PYTHON=python3.12

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

# What pip is silent about while it works.
BRINGS_compare := PyTorch, scikit-learn and the charts into $(VENV), about a minute
BRINGS_docs := Sphinx and its theme into $(VENV), half a minute
BRINGS_dev := every framework and the tools into $(VENV), a few minutes

.PHONY: demo test test-slow test-gpu test-ranks lint docs bench bench-disk bench-gpu coverage oracle ledger audit wheel lab-test lab-data clean

demo: $(VENV)/.installed-compare  ## train the digits from eight starts: a table here, a page in glorot-report.html
	$(BIN)/glorot compare

test: $(VENV)/.installed-dev  ## what every change must pass, in a few minutes
	$(BIN)/pytest -n 2 --dist loadfile -m "not slow and not browser and not gpu and not ranks"

test-slow: $(VENV)/.installed-dev  ## the rest that needs no GPU: long statistics, pages, and properties at length
	$(BIN)/pytest -n 2 --dist loadfile -m "(slow or browser or hypothesis) and not gpu and not ranks" --hypothesis-profile thorough

test-gpu: $(VENV)/.installed-dev  ## what an NVIDIA GPU computes, on one
	$(BIN)/pytest -m gpu

test-ranks: $(VENV)/.installed-dev  ## models that 4 and 8 processes hold together; a few minutes
	$(BIN)/pytest tests/spread -m ranks

lint: $(VENV)/.installed-dev  ## style, types, the floors of the house, and the workflows
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/zizmor --offline --quiet .github

docs: $(VENV)/.installed-docs  ## the documentation, in docs/_build/index.html
	$(BIN)/sphinx-build -W -q -b html docs docs/_build

bench: $(VENV)/.installed-dev  ## the stream and models on this processor, against PyTorch, NumPy and Flax
	$(BIN)/python benchmarks/stream.py | tee benchmarks/results/stream.txt
	$(BIN)/python benchmarks/orthogonal.py | tee benchmarks/results/orthogonal.txt
	$(BIN)/python benchmarks/small_tensors.py | tee benchmarks/results/small_tensors.txt
	$(BIN)/python benchmarks/elements.py | tee benchmarks/results/elements.txt
	$(BIN)/python benchmarks/jax_models.py | tee benchmarks/results/jax_models.txt
	$(BIN)/python benchmarks/jax_keras.py | tee benchmarks/results/jax_keras.txt
	$(BIN)/python benchmarks/keras_laws.py | tee benchmarks/results/keras_laws.txt
	$(BIN)/python benchmarks/caffe.py | tee benchmarks/results/caffe.txt
	$(BIN)/python benchmarks/graph_cost.py | tee benchmarks/results/graph_cost.txt

bench-disk: $(VENV)/.installed-dev  ## weights straight to disk: speed, memory, 400 B parameters, and 100 kills; 45 GB, half an hour
	$(BIN)/python benchmarks/disk.py | tee benchmarks/results/disk.txt
	$(BIN)/python benchmarks/disk_kills.py | tee benchmarks/results/disk_kills.txt

coverage: $(VENV)/.installed-dev  ## what is planned and seen of every model that AutoModel of transformers knows; an hour or two
	$(BIN)/python benchmarks/coverage.py

oracle: $(VENV)/.installed-dev  ## fans and parts against an oracle that reads no graph, on what coverage has built; half an hour
	$(BIN)/python benchmarks/oracle.py

audit: $(VENV)/.installed-dev  ## what init_weights() of transformers leaves unwritten, and what loading makes of it; ten minutes
	$(BIN)/python benchmarks/audit.py

ledger: $(VENV)/.installed-dev  ## what `glorot check` says of every healthy architecture of transformers; an hour
	$(BIN)/python benchmarks/ledger.py

bench-gpu: $(VENV)/.installed-dev  ## the same on an NVIDIA GPU
	$(BIN)/python benchmarks/gpu.py

wheel: | $(BIN)/python  ## a wheel with the native kernel for this machine, in dist/
	$(BIN)/python -m pip wheel --quiet --no-deps -w dist .

lab: lab/node_modules/.package-lock.json  ## the page of `glorot lab`, from lab/; needs node
	npm --prefix lab run build

lab-data: $(VENV)/.installed-dev  ## what Python writes for that page: laws, theory, digits, the map; a quarter of an hour
	for each in lab/data/lab_*.py; do $(BIN)/python $$each || exit 1; done

lab-test: lab/node_modules/.package-lock.json  ## the page against the known answers, and whether it is what lab/ builds
	npm --prefix lab test

clean:  ## remove what was built and written, but not .venv
	rm -rf docs/_build docs/_generated dist build glorot-report.html glorot-report.json
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests benchmarks examples docs -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed-%: pyproject.toml constraints.txt $(wildcard native/* native/isa/*) | $(BIN)/python
	@echo "installing $(BRINGS_$*) …"
	@$(PIP) -e '.[$*]'
	@touch $@

lab/node_modules/.package-lock.json: lab/package.json lab/package-lock.json
	npm --prefix lab ci
	@touch $@
