# Hanoi Gateway. `make demo` and `make test` do all the set-up they need.
.DEFAULT_GOAL := help
.PHONY: help demo test lint interop bench bench-documents bench-memory bench-profile bench-split chaos readme documents pages clean

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.made-from-requirements

help: ## show what there is to make
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/make \1\t\2/' | expand -t 20

$(STAMP): requirements.txt setup.cfg pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

demo: $(STAMP) ## two gateways, requests both ways, a story, and the proof (STAY=1 leaves them running)
	$(BIN)/hanoi-gateway demo $(if $(STAY),--stay)

test: $(STAMP) ## everything that this machine allows; what is skipped is named
	$(BIN)/python tests/postgresql.py
	$(BIN)/python -m pytest $(ARGS)

lint: $(STAMP) ## formatting, types and import contracts alone (they are part of `make test` too)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Python peers have pins of their own, and so an environment each.
PEERS := build/peers/as4/.made-from-requirements build/peers/xmlsec/.made-from-requirements

build/peers/%/.made-from-requirements: tests/interop/%/requirements.txt
	$(PYTHON) -m venv build/peers/$*
	build/peers/$*/bin/pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

interop: $(STAMP) $(PEERS) ## messages to and from products that we did not write, and the table of them
	mvn -q -B -f tests/interop/phase4/pom.xml package
	HANOI_REQUIRE_PEERS=1 $(BIN)/python -m pytest tests/interop $(ARGS)

bench: $(STAMP) ## rate, latency and processor time: gateway, phase4 and the bare floor
	mvn -q -B -f tests/interop/phase4/pom.xml package
	$(BIN)/python tests/bench/bench.py $(ARGS)

bench-documents: $(STAMP) ## what reading a document costs beside the cryptography of its message
	$(BIN)/python -m tests.bench.documents $(ARGS)

bench-memory: $(STAMP) ## resident memory of both gateways while 1 GiB crosses
	$(BIN)/python tests/bench/memory.py $(ARGS)

bench-split: $(STAMP) ## resident memory of both gateways while 5 GiB cross in fragments
	$(BIN)/python tests/bench/split.py $(ARGS)

bench-profile: $(STAMP) ## where the processor time of a received message goes (no Java needed)
	$(BIN)/python tests/bench/cost.py $(ARGS)

chaos: $(STAMP) ## kill -9 at every point of the way in, many times over
	HANOI_KILL_ROUNDS=20 $(BIN)/python -m pytest tests/chaos $(ARGS)

readme: $(STAMP) ## write the command-line help into the README again
	$(BIN)/python tests/readme_help.py --write

documents: $(STAMP) ## write again what comes from the schemas and code lists: codes, JSON, docs/documents
	$(BIN)/python -m tests.convention.written

pages: $(STAMP) ## write the generated parts of docs/ again
	$(BIN)/python -m tests.lifecycle.page --write

clean: ## remove what was built
	rm -rf $(VENV) demo-run build *.egg-info .mypy_cache .ruff_cache .pytest_cache tests/interop/phase4/target
