# Every target does its own set-up. `make help` lists them, in the groups and in the order of this file.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
COMPONENTS := common sync-sidecar server-container client-container volume-for-model local-stack
MINIO_VERSION := v0.0.0-20260212201848-7aac2a2c5b7c
READY := $(VENV)/.ready
NOTEBOOK := .local/notebook
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
LOCKED := install --no-deps --require-hashes --requirement locks
OWN := install --no-deps --no-build-isolation
# uv needs a fifth of pip's time, but knows no index that pip was told of: where it fails, pip is asked
INSTALLED = VIRTUAL_ENV=$(VENV) $(BIN)/uv --quiet pip $(1) || $(PIP) $(1)
UV := .local/uv/bin/uv
IN_NOTEBOOK := PATH="$(CURDIR)/$(NOTEBOOK)/bin:$(CURDIR)/$(BIN):$$PATH"
# Or each of the hundreds of programs that tests start would compile its sources anew
unexport PYTHONDONTWRITEBYTECODE
DEMO_FLAGS ?=
UP_FLAGS ?=
# One more than two cores: tests wait for processes and polls about as long as they compute
JOBS ?= 3
RUNTIME ?= /opt/edgeai
FUZZ_SECONDS ?= 400
SAMPLE_PICTURES := helm-chart/edge-ai-car-classification/files/pictures
MACHINE := local-stack/src/edge_stack/machine.py

.PHONY: help demo test up down models runtime minio setup lint format documents clean conformance integration faults soak fuzz browser mlserver model-signing rtsp int8 torch-test torch-reference chart compose-test newcomer e2e notebook jupyter notebook-save notebook-types notebook-test notebook-env bench bench-sync bench-client bench-server bench-models bench-attack swap-memory arm64 e2e-report screenshots chart-readme coverage lock audit sbom chart-tools chart-linters

help:
	@awk -F':.*## ' '/^##@ / {printf "%s%s\n", gap, substr($$0, 5); gap = "\n"} /^[a-z0-9-]+:.*## / {printf "  %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##@ Start here

demo: setup ## Show the whole platform once; MODEL=path: with your own model as well
	$(BIN)/edge-stack demo $(DEMO_FLAGS) $(if $(MODEL),--model '$(MODEL)') $(if $(MODEL_FLAGS),--model-flags '$(MODEL_FLAGS)')

test: setup ## Unit, integration and conformance tests (about 10 minutes, no root)
	$(BIN)/pytest -n $(JOBS) --dist worksteal

up: setup ## Start the platform in the background with the sample models and a sample camera, and print the page's address
	@[ -d models ] || $(MAKE) models
	$(BIN)/edge-stack up --models models --pictures $(SAMPLE_PICTURES) $(UP_FLAGS)

down: setup ## End what `make up` started
	$(BIN)/edge-stack down

models: setup ## Build the sample models into ./models
	$(BIN)/car-models build --out models

runtime: ## Install sidecar, server and client alone into RUNTIME (/opt/edgeai), as local-stack/systemd expects them
	PYTHON=$(PYTHON) scripts/install_runtime.sh '$(RUNTIME)'

minio: .local/bin/minio ## Build a real MinIO with Go into .local/bin

.local/bin/minio:
	@command -v go >/dev/null || { echo "Go is needed to build MinIO; without it the demo uses an embedded S3 server"; exit 1; }
	mkdir -p .local/bin
	GOBIN=$(CURDIR)/.local/bin CGO_ENABLED=0 go install -trimpath -ldflags '-s -w' github.com/minio/minio@$(MINIO_VERSION)

##@ Work on it

setup: $(READY) ## Make .venv with all components and tools

$(READY): locks/build.txt locks/develop.txt $(COMPONENTS:%=%/pyproject.toml)
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else f"Python 3.11 to 3.13 is needed, this is {v[0]}.{v[1]}; name another with PYTHON=")'
	@$(PYTHON) $(MACHINE) . 1200
	@echo "installing into $(VENV): 1.1 GB on disk when done, fetched where uv has it not yet; about a minute"
	$(PYTHON) -m venv $(VENV)
	$(PIP) $(LOCKED)/build.txt
	$(call INSTALLED,$(LOCKED)/develop.txt)
	$(call INSTALLED,$(OWN) $(COMPONENTS:%=--editable ./%))
	@$(BIN)/python -m pip check >/dev/null || { $(BIN)/python -m pip check; echo "the locks are older than a pyproject.toml: run make lock"; exit 1; }
	@touch $@

coverage: setup ## The same tests, with the branches that they take; fails below the floor of pyproject.toml
	$(BIN)/pytest -n $(JOBS) --cov --cov-report term:skip-covered

lint: setup ## Check style, types, layers and dependencies
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(COMPONENTS:%=%/src) jupyter-notebook/src scripts
	@set -e; for tests in $(COMPONENTS:%=%/tests) jupyter-notebook/tests tests benchmarks; do echo "mypy $$tests"; $(BIN)/mypy $$tests; done
	PYTHONPATH=jupyter-notebook/src $(BIN)/lint-imports
	@set -e; for component in $(COMPONENTS) jupyter-notebook; do echo "deptry $$component"; (cd $$component && "$(CURDIR)/$(BIN)/deptry" src); done

format: setup ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

arm64: setup ## Ask whether every locked package is there for arm64 (nothing is run)
	PYTHON=$(BIN)/python scripts/resolve_arm64.sh

lock: $(UV) ## Write locks/ from the pyproject.toml files; LOCK_FLAGS=--upgrade takes newer versions
	UV=$(UV) scripts/lock.sh

.local/uv/bin/uv:
	$(PYTHON) -m venv .local/uv
	.local/uv/bin/python -m pip install --quiet 'uv>=0.9'

documents: setup ## Write what the READMEs say of settings and cards, from the code
	$(BIN)/python scripts/generated_documents.py

clean: ## Remove what the targets made
	rm -rf $(VENV) .local models demo-report.html demo-report.json build .coverage .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

audit: .local/supply/bin/pip-audit ## Ask PyPI's database for known faults of what the images install (needs a network)
	@set -e; for image in $(PROGRAMS); do echo "pip-audit $$image"; .local/supply/bin/pip-audit --strict --disable-pip --require-hashes --progress-spinner off --requirement locks/$$image.txt; done

sbom: .local/supply/bin/pip-audit ## Write what each image installs as CycloneDX into build/sbom
	@mkdir -p build/sbom
	@set -e; for image in $(PROGRAMS); do .local/supply/bin/cyclonedx-py requirements --output-reproducible --output-file build/sbom/$$image.cdx.json locks/$$image.txt; done

.local/supply/bin/pip-audit:
	$(PYTHON) -m venv .local/supply
	.local/supply/bin/python -m pip install --quiet 'pip-audit==2.10.1' 'cyclonedx-bom==7.5.0'

##@ More tests

conformance: setup ## Hold ovms-lite against the recorded answers of the real server
	$(BIN)/pytest tests/conformance

integration: setup minio ## Integration tests against a real MinIO
	MINIO_BIN=$${MINIO_BIN:-$(CURDIR)/.local/bin/minio} $(BIN)/pytest -n 1 -m 'not heavy' tests/integration local-stack/tests

faults: setup minio ## Kill, fill, cut and corrupt the sidecar's work against a real MinIO
	MINIO_BIN=$${MINIO_BIN:-$(CURDIR)/.local/bin/minio} $(BIN)/pytest -n $(JOBS) --dist worksteal -m heavy tests/faults tests/hostile local-stack/tests $(ARGS)

soak: setup minio ## Random faults for MINUTES (30), a simulated week, 20,000 simulated swaps, with printed seeds
	MINIO_BIN=$${MINIO_BIN:-$(CURDIR)/.local/bin/minio} PYTHONPATH=tests/support $(BIN)/python -m soak --minutes $${MINUTES:-30}
	PYTHONPATH=tests/support $(BIN)/python -m simulated_life --hours 168
	PYTHONPATH=tests/support $(BIN)/python -m simulated_swaps

fuzz: setup .local/fuzz ## Guided random bytes for what reads strangers' files, FUZZ_SECONDS (400) for each of ten readers
	PYTHONPATH=.local/fuzz:tests $(BIN)/python -m fuzz $(FUZZ_SECONDS)

.local/fuzz:
	$(BIN)/python -m pip install --quiet --no-deps --target $@ 'atheris==3.0.0'

browser: setup ## Use the client's page in Chromium (needs chromium)
	$(BIN)/pytest -n $(JOBS) -m browser tests/browser

mlserver: .local/mlserver/bin/mlserver ## Install MLServer into an environment of its own

.local/mlserver/bin/mlserver:
	$(PYTHON) -m venv .local/mlserver
	.local/mlserver/bin/python -m pip install --quiet 'mlserver==1.7.1'

model-signing: .local/model-signing/bin/model_signing ## Install the model_signing command into an environment of its own

# It imports pyOpenSSL and does not say so
.local/model-signing/bin/model_signing:
	$(PYTHON) -m venv .local/model-signing
	.local/model-signing/bin/python -m pip install --quiet 'model-signing==1.1.1' 'pyOpenSSL>=25'

rtsp: setup .local/bin/rtsp-camera ## Read a camera's stream over RTSP (needs Go)
	$(BIN)/pytest -m rtsp client-container/tests

.local/bin/rtsp-camera: $(wildcard tests/support/rtsp_camera/*)
	@command -v go >/dev/null || { echo "Go 1.23 or newer is needed to build the tests' RTSP camera"; exit 1; }
	@mkdir -p .local/bin
	cd tests/support/rtsp_camera && go build -o $(CURDIR)/$@ .

int8: setup ## Install nncf, which car-models needs for INT8
	$(PIP) $(LOCKED)/int8.txt

torch-test: torch-reference ## Hold imported checkpoints against torch (needs Debian's python3-torchvision)
	$(BIN)/pytest -m torch volume-for-model/tests

torch-reference: setup .local/torch-reference ## Install timm and efficientnet_pytorch beside Debian's torch

.local/torch-reference:
	$(BIN)/python -m pip install --quiet --no-deps --target $@ 'timm==0.9.16' 'efficientnet-pytorch==0.7.1'

chart: setup chart-tools ## Check the Helm chart: lint, schema, unit tests, rendering, alerts (needs Go)
	.local/bin/helm dependency update helm-chart/edge-ai-car-classification
	.local/bin/helm-unittest --color helm-chart/edge-ai-car-classification
	$(BIN)/python tests/chart/kubernetes_schemas.py .local/chart-schemas
	cd tests/chart/tools && go test ./...
	$(BIN)/pytest -n $(JOBS) -m chart tests/chart

compose-test: setup ## Live a life of compose.yaml with real containers (root; docker or podman with compose, images of ./build.sh)
	$(BIN)/pytest -m compose tests/compose $(ARGS)

newcomer: setup ## Follow the README's first commands in fresh clones, as root and as nobody at once (root; 3 minutes)
	$(BIN)/pytest -n 2 -m newcomer tests/newcomer $(ARGS)

e2e: setup models .local/bin/helm ## Try the chart on the cluster of KUBECONFIG, or on one of its own (CLUSTER_TOOL)
	scripts/e2e.sh $(ARGS)

##@ The notebook

notebook: notebook-env ## Run the notebook from a clean kernel against a stack of its own
	$(IN_NOTEBOOK) model-notebook check
	$(IN_NOTEBOOK) model-notebook run $(DEMO_FLAGS)

jupyter: notebook-env ## Open the notebook in a browser; `make up` first
	$(PIP) --python $(NOTEBOOK)/bin/python $(LOCKED)/jupyterlab.txt
	$(IN_NOTEBOOK) jupyter lab jupyter-notebook/model-tracking.ipynb

notebook-save: notebook-env ## The same, and keep its outputs and the pictures of its README
	$(IN_NOTEBOOK) model-notebook run --out jupyter-notebook/model-tracking.ipynb --pictures jupyter-notebook/docs $(DEMO_FLAGS)

notebook-types: notebook-env ## Check the notebook's package with MLflow's own types
	$(IN_NOTEBOOK) python -m mypy --cache-dir $(NOTEBOOK)/mypy jupyter-notebook/src volume-for-model/src/car_models/tracking

notebook-test: notebook-types ## Types and tests of MLflow tracking, promotion and the notebook
	$(IN_NOTEBOOK) python -m pytest -n $(JOBS) jupyter-notebook/tests $(ARGS)

notebook-env: $(NOTEBOOK)/.ready ## Make the notebook's environment: MLflow and Jupyter on top of .venv

# Over .venv rather than beside it: a second copy of OpenVINO and the rest would take a gigabyte and a minute
$(NOTEBOOK)/.ready: $(READY) locks/notebook.txt jupyter-notebook/pyproject.toml
	$(BIN)/python -m venv --clear --without-pip $(NOTEBOOK)
	site=$$($(NOTEBOOK)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))') && \
	  $(BIN)/python -c 'import sysconfig; print("import site; site.addsitedir(%r)" % sysconfig.get_path("purelib"))' > $$site/over_venv.pth
	$(PIP) --python $(NOTEBOOK)/bin/python $(LOCKED)/notebook.txt
	$(PIP) --python $(NOTEBOOK)/bin/python $(OWN) --editable ./jupyter-notebook
	@touch $@

##@ Measure and document

bench: bench-server bench-client bench-sync bench-models ## All benchmarks

bench-sync: setup minio ## Compare model-sync with rclone, mc and aws s3 sync (needs Go)
	MINIO_BIN=$${MINIO_BIN:-$(CURDIR)/.local/bin/minio} $(BIN)/python benchmarks/sync/mirroring.py

bench-client: setup models ## Compare the client with the server alone and other clients (needs chromium)
	$(BIN)/python benchmarks/client/whole_client.py models --write docs/performance.md

bench-server: setup models ## Compare ovms-lite with the machine's limit, MLServer and KServe (needs wrk)
	$(BIN)/python benchmarks/server/throughput.py models/effnet_lite0_car_onnx/1 models/effnet_lite2_car_openvino/1

bench-models: setup int8 ## Measure the sample models as FP32, FP16 and INT8 (needs tuxpaint-stamps-default)
	$(BIN)/python benchmarks/models/precisions.py --write docs/performance.md

bench-attack: setup ## Measure a good model's latency while others attack the platform
	PYTHONPATH=tests/support $(BIN)/python -m under_attack

swap-memory: setup ## Let ovms-lite swap a model 10,000 times and watch its memory
	$(BIN)/python benchmarks/server/swap_memory.py

e2e-report: setup ## Write what `make e2e` measured into docs/performance.md
	$(BIN)/python benchmarks/cluster/measured_cluster.py .local/e2e-facts.json --write docs/performance.md

screenshots: setup models ## Make the pictures of the client's README (needs chromium)
	$(BIN)/python client-container/docs/make_screenshots.py

chart-readme: .local/bin/helm-docs ## Write the chart's README from values.yaml
	.local/bin/helm-docs --chart-search-root helm-chart --template-files README.md.gotmpl --chart-to-generate helm-chart/edge-ai-car-classification

include tests/chart/tools.mk
