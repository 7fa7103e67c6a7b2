# Every target sets up what it needs: a virtual environment from the committed lock.

PYTHON ?= python3
BIN := .venv/bin
SETUP := .venv/.from-lock

.PHONY: demo test check chaos bench screenshots lock clean

demo: $(SETUP)  ## the demo company, 90 days, then the Dagster UI (JOURNEY_DEMO_UI=0 skips the UI)
	$(BIN)/python -m journey_platform.demo

test: $(SETUP)  ## all tests but the long ones
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not chaos"

check: $(SETUP)  ## lint, format, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy benchmarks docs/screenshots.py
	$(BIN)/lint-imports

chaos: $(SETUP)  ## kill, disk-full, soak and 90-day runs
	$(BIN)/python -m pytest -m chaos

bench: $(SETUP)  ## figures and ratios, never a verdict
	$(BIN)/python benchmarks/ingest.py
	$(BIN)/python benchmarks/refresh.py
	$(BIN)/python benchmarks/backfill.py
	$(BIN)/python benchmarks/history.py
	$(BIN)/python benchmarks/quality.py
	$(BIN)/python benchmarks/identity.py
	$(BIN)/python benchmarks/identity_probabilistic.py
	$(BIN)/python benchmarks/journeys.py

screenshots: $(SETUP)  ## docs/images from a running demo; needs Chromium
	$(BIN)/python docs/screenshots.py
	JOURNEY_PICTURES=docs/images $(BIN)/python -m pytest -m chaos tests/deploy/test_mending.py

lock:  ## pin the dependencies again; needs uv
	uv pip compile --group dev pyproject.toml --python-version 3.11 --universal \
		--no-emit-index-url --no-annotate -o requirements.lock

$(SETUP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; name one with PYTHON=..."; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

clean:
	rm -rf .venv .demo
