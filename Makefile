# Two commands do everything on a fresh machine: `make run` and `make test`.
# Needs Python 3.11 or newer, git 2.38 or newer, and make; everything else goes into .venv.

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
AGENTS := .agents/.installed
WEB := .web/.installed
AUDIT := .audit/.installed
AUDIT_BIN := $(abspath .audit/bin)
FUZZ := .fuzz/.installed
FUZZ_BIN := $(abspath .fuzz/bin)
PEERS := .peers/.installed
# What reads bytes of others.
DECODERS := tests/commands/test_decoding.py \
	tests/gateway/test_decoding.py tests/gateway/test_decisions.py \
	tests/runtime/test_nats_parser.py tests/runtime/test_nats_headers.py tests/runtime/test_settings.py \
	tests/events/test_codec.py \
	tests/workflows/test_json_rpc.py tests/workflows/test_server_sent.py tests/workflows/test_git_output.py tests/workflows/test_acp_entries.py tests/workflows/test_diff_output.py tests/workflows/test_addresses.py \
	tests/query_api/test_etag.py tests/query_api/test_pointer.py \
	tests/clients/test_sse.py
# Its two minutes pass beside the other tests of the client.
IDLE := tests/web/idle.test.mjs
NPM := npm install --no-save --no-package-lock --no-audit --no-fund --loglevel error

.PHONY: run test setup check format demo test-agents test-web test-containers bench bench-workbench bench-burst bench-guard bench-peers bench-plots bench-flame chaos soak overload contradict mutations fuzz audit screenshots chromium clean help

run: $(INSTALLED)  ## set up, then start everything on an embedded nats-server
	$(BIN)/foundry serve

test: $(INSTALLED)  ## set up, then run every test
	$(BIN)/pytest -n auto --dist loadgroup tests

setup: $(INSTALLED)  ## put everything into .venv

check: $(INSTALLED)  ## format, lint, types, architecture: what CI runs
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pytest tests/test_architecture.py

format: $(INSTALLED)  ## mend what can be mended by a machine
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

demo: $(INSTALLED)  ## the main job, in this terminal, on a clone of this repository
	$(BIN)/foundry demo

test-agents: $(INSTALLED) $(AGENTS)  ## tests against the real sandbox-agent server and the protocol's SDK (needs Node.js and npm)
	$(BIN)/pytest tests_agents

test-web: $(INSTALLED) $(WEB) chromium  ## the JavaScript client, and the page in real Chromium, on real servers (needs Node.js 20 and npm)
	.web/node_modules/.bin/tsc --project clients/js
	.web/node_modules/.bin/tsc --project web
	export FOUNDRY_PYTHON=$(abspath $(BIN)/python); \
	node --test $(IDLE) & idle=$$!; \
	node --test clients/js/tests/*.test.js; others=$$?; \
	wait $$idle && exit $$others
	FOUNDRY_PYTHON=$(abspath $(BIN)/python) node --test --test-concurrency=1 $(filter-out $(IDLE),$(wildcard tests/web/*.test.mjs))

screenshots: $(INSTALLED) $(WEB) chromium  ## pictures of the page's states, into docs/screenshots
	FOUNDRY_PYTHON=$(abspath $(BIN)/python) node --test tests/web/screenshots.mjs

bench: $(INSTALLED)  ## how fast it is, beside its limits and its peers; a table (QUICK=--quick, NAMES="commands …")
	$(BIN)/python -m bench $(QUICK) $(NAMES)

bench-guard: $(INSTALLED)  ## a quick run; fails if a ratio fell by more than half against bench/results/baseline.json
	$(BIN)/python -m bench --guard

bench-peers: $(PEERS)  ## put what the bench compares with into .peers: PyPI, npm, and as root on Debian nginx with nchan

bench-plots: $(INSTALLED) $(PEERS)  ## how cost grows with streams, topics and tasks: docs/benchmarks/*.svg
	$(BIN)/python -m bench.growth

bench-flame: $(INSTALLED) $(PEERS)  ## where the time goes under load: docs/benchmarks/flame-*.svg
	$(BIN)/python -m bench.flame

bench-workbench: $(INSTALLED)  ## a workbench under load: 3 tasks with 2 more sessions each (FULL=--full: 50 with 4)
	$(BIN)/python -m bench.workbench $(FULL)

bench-burst: $(INSTALLED)  ## 300 tasks at once: how soon they are ready, what others feel (TASKS=60)
	$(BIN)/python -m bench.task_burst $(if $(TASKS),--tasks $(TASKS))

chaos: $(INSTALLED)  ## break things while people work, then count what was lost: SEED=7 CYCLES=20 CLUSTER=yes
	PYTHONPATH=clients/python $(BIN)/python -m chaos $(if $(SEED),--seed $(SEED)) $(if $(CYCLES),--cycles $(CYCLES)) $(if $(CLUSTER),--cluster)

soak: $(INSTALLED)  ## an hour of ordinary work, and whether anything grows (MINUTES=60 STREAMS=500)
	$(BIN)/python -m chaos.soak $(if $(MINUTES),--minutes $(MINUTES)) $(if $(STREAMS),--streams $(STREAMS))

overload: $(INSTALLED)  ## far more commands at once than a node takes: what is let in stays quick, the rest is told when to come back
	$(BIN)/python -m chaos.overload

contradict: $(INSTALLED)  ## contradictory commands for tasks, and a server that is killed meanwhile: everything must add up (SEED=7 ROUNDS=5)
	$(BIN)/python -m chaos.contradict $(if $(SEED),--seed $(SEED)) $(if $(ROUNDS),--rounds $(ROUNDS))

mutations: $(INSTALLED)  ## break the code on purpose and show that each time it is noticed (ONLY=lost_message)
	$(BIN)/python -m chaos.mutate $(ONLY)

fuzz: $(INSTALLED) $(FUZZ)  ## decoders shown 1,000 inputs a test, then requests nobody would send, made from the OpenAPI document (SEED=1 EXAMPLES=50)
	$(BIN)/pytest -n auto --hypothesis-profile=long -k "not every_event_comes_back" $(DECODERS)
	$(BIN)/python -m chaos.fuzz --schemathesis $(FUZZ_BIN)/schemathesis $(if $(SEED),--seed $(SEED)) $(if $(EXAMPLES),--examples $(EXAMPLES))

audit: $(INSTALLED) $(AUDIT)  ## known weaknesses of the packages in constraints.txt (asks a service; fails if that cannot be reached)
	$(AUDIT_BIN)/pip-audit --requirement constraints.txt --no-deps --disable-pip --strict --progress-spinner off

test-containers: $(INSTALLED)  ## the black-box tests against the container image (needs a Docker engine)
	$(BIN)/pytest deploy/container_tests

clean:  ## remove what `setup` and the tests made; keeps ./data
	rm -rf .venv .agents .web .peers .fuzz .audit build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; name one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

$(AGENTS): Makefile
	@command -v npm >/dev/null && command -v node >/dev/null || { echo "test-agents needs Node.js with npm on the PATH: install them, or run the other tests with make test"; exit 1; }
	$(NPM) --ignore-scripts --prefix .agents sandbox-agent@0.4.2 @sandbox-agent/cli@0.4.2
	chmod +x .agents/node_modules/@sandbox-agent/cli-*/bin/sandbox-agent
	@touch $@

$(WEB): Makefile clients/js/package.json
	@command -v npm >/dev/null && command -v node >/dev/null || { echo "test-web needs Node.js 20 or newer with npm on the PATH: install them, or run the other tests with make test"; exit 1; }
	$(NPM) --ignore-scripts --prefix .web $$(node -p 'Object.entries(require("./clients/js/package.json").devDependencies).map((one) => one.join("@")).join(" ")')
	@touch $@

# Apart from .venv: it brings eighty packages, some with other versions than ours.
$(FUZZ): Makefile
	$(PYTHON) -m venv .fuzz
	$(FUZZ_BIN)/pip install --quiet --disable-pip-version-check schemathesis==4.32.5
	@touch $@

$(AUDIT): Makefile
	$(PYTHON) -m venv .audit
	$(AUDIT_BIN)/pip install --quiet --disable-pip-version-check pip-audit==2.10.1
	@touch $@

# Emmett's packages name a version of each other that is not published everywhere, hence --legacy-peer-deps.
# nginx is unpacked and not installed, so that no service starts; of its places only /var/lib/nginx cannot be moved.
$(PEERS): Makefile
	$(PYTHON) -m venv .peers/venv
	.peers/venv/bin/pip install --quiet --disable-pip-version-check --constraint constraints.txt starlette uvicorn uvloop httptools sse-starlette==3.7.0 eventsourcing==9.5.6 matplotlib==3.11.2 py-spy==0.4.3
	@if command -v npm >/dev/null && command -v node >/dev/null; then \
	  $(NPM) --ignore-scripts --legacy-peer-deps --prefix .peers rivetkit@2.3.19 ws@8 @event-driven-io/emmett@0.42.0 @event-driven-io/emmett-sqlite@0.42.4 sqlite3@5.1.7 async-retry@1 commander@12 uuid@10 \
	  && npm rebuild --loglevel error --prefix .peers sqlite3; \
	else echo "no node and npm here: the bench goes without Emmett and RivetKit"; fi
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  mkdir -p .peers/debian /var/lib/nginx && cd .peers/debian \
	  && apt-get download -q nginx libnginx-mod-nchan && for package in *.deb; do dpkg -x "$$package" .; done; \
	else echo "not root on Debian: the bench goes without nginx and nchan"; fi
	@touch $@

chromium:
	@tests/web/install_chromium
