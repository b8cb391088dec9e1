# Every target does its own set-up. `make help` lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
COMPONENTS := common sync-sidecar server-container client-container volume-for-model local-stack
MINIO_VERSION := v0.0.0-20260212201848-7aac2a2c5b7c
READY := $(VENV)/.ready
NOTEBOOK := .local/notebook
IN_NOTEBOOK := PATH="$(CURDIR)/$(NOTEBOOK)/bin:$(CURDIR)/$(BIN):$$PATH"
DEMO_FLAGS ?=
JOBS ?= 2

.PHONY: help setup chart chart-tools chart-readme lint format documents test integration conformance faults soak demo up down minio mlserver rtsp models browser e2e e2e-report screenshots notebook-env notebook notebook-save notebook-types notebook-test int8 torch-reference torch-test jupyter bench bench-client bench-server bench-sync bench-models swap-memory clean

help: ## Show this list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sort | awk -F':.*## ' '{printf "  %-14s %s\n", $$1, $$2}'

setup: $(READY) ## Make .venv with all components and tools

$(READY): pyproject.toml constraints.txt $(COMPONENTS:%=%/pyproject.toml)
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else f"Python 3.11 to 3.13 is needed, this is {v[0]}.{v[1]}; name another with PYTHON=")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet -c constraints.txt --group dev $(COMPONENTS:%=-e ./%)
	@touch $@

lint: setup ## Check style, types, layers and dependencies
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(COMPONENTS:%=%/src) jupyter-notebook/src scripts
	@set -e; for tests in $(COMPONENTS:%=%/tests) jupyter-notebook/tests tests benchmarks; do echo "mypy $$tests"; $(BIN)/mypy $$tests; done
	$(BIN)/lint-imports
	@set -e; for component in $(COMPONENTS) jupyter-notebook; do echo "deptry $$component"; (cd $$component && "$(CURDIR)/$(BIN)/deptry" src); done

format: setup ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

documents: setup ## Write what the READMEs say of settings and cards, from the code
	$(BIN)/python scripts/generated_documents.py

test: setup ## Unit, integration and conformance tests (under 10 minutes, no root)
	$(BIN)/pytest -n $(JOBS)

integration: setup minio ## Integration tests against a real MinIO
	MINIO_BIN=$${MINIO_BIN:-$(CURDIR)/.local/bin/minio} $(BIN)/pytest -n 1 -m 'not heavy' tests/integration local-stack/tests

conformance: setup ## Hold ovms-lite against the recorded answers of the real server
	$(BIN)/pytest tests/conformance

faults: setup minio ## Kill, fill, cut and corrupt the sidecar's work against a real MinIO
	MINIO_BIN=$${MINIO_BIN:-$(CURDIR)/.local/bin/minio} $(BIN)/pytest -n $(JOBS) --dist worksteal -m heavy tests/faults $(ARGS)

soak: setup minio ## Random faults for MINUTES (30), then a simulated week, with printed seeds
	MINIO_BIN=$${MINIO_BIN:-$(CURDIR)/.local/bin/minio} PYTHONPATH=tests/support $(BIN)/python -m soak --minutes $${MINUTES:-30}
	PYTHONPATH=tests/support $(BIN)/python -m simulated_life --hours 168

models: setup ## Build the sample models into ./models
	$(BIN)/car-models build --out models

int8: setup ## Install nncf, which car-models needs for INT8
	$(BIN)/python -m pip install --quiet -c constraints.txt -e './volume-for-model[int8]'

torch-reference: setup .local/torch-reference ## Install timm and efficientnet_pytorch beside Debian's torch

.local/torch-reference:
	$(BIN)/python -m pip install --quiet --no-deps --target $@ 'timm==0.9.16' 'efficientnet-pytorch==0.7.1'

torch-test: torch-reference ## Hold imported checkpoints against torch (needs Debian's python3-torchvision)
	$(BIN)/pytest -m torch volume-for-model/tests

mlserver: .local/mlserver/bin/mlserver ## Install MLServer into an environment of its own

rtsp: setup .local/bin/rtsp-camera ## Read a camera's stream over RTSP (needs Go)
	$(BIN)/pytest -m rtsp client-container/tests

.local/bin/rtsp-camera: $(wildcard tests/support/rtsp_camera/*)
	@command -v go >/dev/null || { echo "Go 1.23 or newer is needed to build the tests' RTSP camera"; exit 1; }
	@mkdir -p .local/bin
	cd tests/support/rtsp_camera && go build -o $(CURDIR)/$@ .

.local/mlserver/bin/mlserver:
	$(PYTHON) -m venv .local/mlserver
	.local/mlserver/bin/python -m pip install --quiet 'mlserver==1.7.1'

notebook-env: $(NOTEBOOK)/.ready ## Make the notebook's environment: MLflow and Jupyter on top of .venv

# Over .venv rather than beside it: a second copy of OpenVINO and the rest would take a gigabyte and a minute
$(NOTEBOOK)/.ready: $(READY) jupyter-notebook/pyproject.toml
	$(BIN)/python -m venv --clear $(NOTEBOOK)
	site=$$($(NOTEBOOK)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))') && \
	  $(BIN)/python -c 'import sysconfig; print("import site; site.addsitedir(%r)" % sysconfig.get_path("purelib"))' > $$site/over_venv.pth
	$(NOTEBOOK)/bin/python -m pip install --quiet -c constraints.txt -e ./jupyter-notebook
	@touch $@

notebook: notebook-env ## Run the notebook from a clean kernel against a stack of its own
	$(IN_NOTEBOOK) model-notebook check
	$(IN_NOTEBOOK) model-notebook run $(DEMO_FLAGS)

notebook-save: notebook-env ## The same, and keep its outputs and the pictures of its README
	$(IN_NOTEBOOK) model-notebook run --out jupyter-notebook/model-tracking.ipynb --pictures jupyter-notebook/docs $(DEMO_FLAGS)

jupyter: notebook-env ## Open the notebook in a browser; `make up` first
	$(NOTEBOOK)/bin/python -m pip install --quiet -c constraints.txt 'jupyterlab>=4.4'
	$(IN_NOTEBOOK) jupyter lab jupyter-notebook/model-tracking.ipynb

notebook-types: notebook-env ## Check the notebook's package with MLflow's own types
	$(IN_NOTEBOOK) python -m mypy --cache-dir $(NOTEBOOK)/mypy jupyter-notebook/src volume-for-model/src/car_models/tracking

notebook-test: notebook-types ## Types and tests of MLflow tracking, promotion and the notebook
	$(IN_NOTEBOOK) python -m pytest -n $(JOBS) jupyter-notebook/tests $(ARGS)

browser: setup ## Use the client's page in Chromium (needs chromium)
	$(BIN)/pytest -n $(JOBS) -m browser tests/browser

e2e: setup models .local/bin/helm ## Try the chart on the cluster of KUBECONFIG, or on one of its own (CLUSTER_TOOL)
	scripts/e2e.sh $(ARGS)

e2e-report: setup ## Write what `make e2e` measured into docs/performance.md
	$(BIN)/python benchmarks/cluster/measured_cluster.py .local/e2e-facts.json --write docs/performance.md

screenshots: setup models ## Make the pictures of the client's README (needs chromium)
	$(BIN)/python client-container/docs/make_screenshots.py

chart: setup chart-tools ## Check the Helm chart: lint, schema, unit tests, rendering, alerts (needs Go)
	.local/bin/helm dependency update helm-chart/edge-ai-car-classification
	.local/bin/helm-unittest --color helm-chart/edge-ai-car-classification
	$(BIN)/python tests/chart/kubernetes_schemas.py .local/chart-schemas
	cd tests/chart/tools && go test ./...
	$(BIN)/pytest -n $(JOBS) -m chart tests/chart

chart-readme: .local/bin/helm-docs ## Write the chart's README from values.yaml
	.local/bin/helm-docs --chart-search-root helm-chart --template-files README.md.gotmpl --chart-to-generate helm-chart/edge-ai-car-classification

demo: setup ## Show the whole platform once; MODEL=path: with your own model as well
	$(BIN)/edge-stack demo $(DEMO_FLAGS) $(if $(MODEL),--model '$(MODEL)') $(if $(MODEL_FLAGS),--model-flags '$(MODEL_FLAGS)')

up: setup ## Start the platform in the background with the sample models, and print the page's address
	@[ -d models ] || $(MAKE) models
	$(BIN)/edge-stack up --models models

down: setup ## End what `make up` started
	$(BIN)/edge-stack down

minio: .local/bin/minio ## Build a real MinIO with Go into .local/bin

.local/bin/minio:
	@command -v go >/dev/null || { echo "Go is needed to build MinIO; without it the demo uses an embedded S3 server"; exit 1; }
	mkdir -p .local/bin
	GOBIN=$(CURDIR)/.local/bin CGO_ENABLED=0 go install -trimpath -ldflags '-s -w' github.com/minio/minio@$(MINIO_VERSION)

bench: bench-server bench-client bench-sync bench-models ## All benchmarks

bench-sync: setup minio ## Compare model-sync with rclone, mc and aws s3 sync (needs Go)
	MINIO_BIN=$${MINIO_BIN:-$(CURDIR)/.local/bin/minio} $(BIN)/python benchmarks/sync/mirroring.py

bench-client: setup models ## Compare the client with the server alone and other clients (needs chromium)
	$(BIN)/python benchmarks/client/whole_client.py models --write docs/performance.md

bench-models: setup int8 ## Measure the sample models as FP32, FP16 and INT8 (needs tuxpaint-stamps-default)
	$(BIN)/python benchmarks/models/precisions.py --write docs/performance.md volume-for-model/README.md

bench-server: setup models ## Compare ovms-lite with the machine's limit, MLServer and KServe (needs wrk)
	$(BIN)/python benchmarks/server/throughput.py models/effnet_lite0_car_onnx/1 models/effnet_lite2_car_openvino/1

swap-memory: setup ## Let ovms-lite swap a model 10,000 times and watch its memory
	$(BIN)/python benchmarks/server/swap_memory.py

clean: ## Remove what the targets made
	rm -rf $(VENV) .local models demo-report.html demo-report.json build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

include tests/chart/tools.mk
