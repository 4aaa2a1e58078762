# Everything a newcomer needs: `make demo`, `make test`.  Only Python >= 3.11 and make are assumed.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
HOME_OF_DEMO := $(CURDIR)/out/.home

.PHONY: demo test check campaigns browser benchmarks docs sdk clean

demo: $(VENV)/.installed  ## one request at four emulated providers: pictures and sheet in out/
	rm -rf out && mkdir -p out
	IMAGEGEN_HOME="$(HOME_OF_DEMO)" $(BIN)/imagegen generate examples/lighthouse.toml --emulated \
	  --provider tams --provider modelslab --provider stablediffusionapi --provider stablediffusionapi-enterprise \
	  -o out --sheet out/sheet.png

test: $(VENV)/.tests  ## all tests, network blocked, branch coverage printed
	$(BIN)/python -m pytest -n 2 --dist worksteal --block-network --allowed-hosts=127.0.0.1,localhost,::1 \
	  --cov --cov-branch --cov-report=term:skip-covered $(ARGS)

check: $(VENV)/.tests  ## lint, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

campaigns: $(VENV)/.tests  ## the long campaigns of docs/reliability.md in full size
	IMAGEGEN_CAMPAIGN=full $(BIN)/python -m pytest tests/campaigns -q -p no:randomly $(ARGS)

browser: $(VENV)/.tests  ## the comparison page in chromium: overflow, script errors, screenshots
	$(BIN)/python -m tests.campaigns.browser

benchmarks: $(VENV)/.tests  ## ratios within one run; see benchmarks/README.md
	$(BIN)/python -m benchmarks

sdk: $(VENV)/.tests  ## a vendor's own SDK from npm against the emulator; needs node
	cd tests/sdk && npm ci --silent
	$(BIN)/python tests/sdk/run.py

docs: $(VENV)/.tests  ## the generated pages
	$(BIN)/python docs/generate.py

$(VENV)/.made:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python >= 3.11 is needed: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	@touch $@

$(VENV)/.installed: $(VENV)/.made pyproject.toml
	$(BIN)/python -m pip install --quiet --editable '.[server]'
	@touch $@

$(VENV)/.tests: $(VENV)/.made pyproject.toml
	$(BIN)/python -m pip install --quiet --editable '.[server,rsa,keyring]' --group test --group dev
	@touch $@ $(VENV)/.installed

clean:
	rm -rf $(VENV) out dist build .coverage* .mypy_cache .ruff_cache .pytest_cache .hypothesis
