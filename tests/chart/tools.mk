# Tools for the Helm chart, built by Go from pinned versions into .local/bin. Included by the Makefile.
HELM_VERSION := v4.3.1
FROM_MODULE := helm3 helm-docs helm-unittest kubeconform

chart-tools: .local/bin/helm $(FROM_MODULE:%=.local/bin/%)

.local/bin/helm: tests/chart/tools.mk
	@command -v go >/dev/null || { echo "Go 1.26 is needed to build Helm"; exit 1; }
	GOBIN=$(CURDIR)/.local/bin go install helm.sh/helm/v4/cmd/helm@$(HELM_VERSION)
	@touch $@

.local/bin/helm3: PACKAGE = helm.sh/helm/v3/cmd/helm
.local/bin/helm-docs: PACKAGE = github.com/norwoodj/helm-docs/cmd/helm-docs
.local/bin/helm-unittest: PACKAGE = github.com/helm-unittest/helm-unittest/cmd/helm-unittest
.local/bin/kubeconform: PACKAGE = github.com/yannh/kubeconform/cmd/kubeconform

$(FROM_MODULE:%=.local/bin/%): tests/chart/tools/go.mod tests/chart/tools/go.sum
	@command -v go >/dev/null || { echo "Go 1.26 is needed to build $(@F)"; exit 1; }
	@mkdir -p .local/bin
	cd tests/chart/tools && go build -o $(CURDIR)/$@ $(PACKAGE)
	@touch $@

CHECKOV_VERSION := 3.3.30
KUBE_SCORE_VERSION := v1.20.0

chart-linters: .local/bin/helm .local/checkov/bin/checkov .local/bin/kube-score ## Hold the chart against checkov and kube-score
	.local/bin/helm dependency update helm-chart/edge-ai-car-classification
	python3 tests/chart/linters.py .local/checkov/bin/checkov .local/bin/kube-score

.local/checkov/bin/checkov:
	$(PYTHON) -m venv .local/checkov
	.local/checkov/bin/python -m pip install --quiet 'checkov==$(CHECKOV_VERSION)'

.local/bin/kube-score:
	GOBIN=$(CURDIR)/.local/bin CGO_ENABLED=0 go install github.com/zegl/kube-score/cmd/kube-score@$(KUBE_SCORE_VERSION)
