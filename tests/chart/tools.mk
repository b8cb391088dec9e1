# Tools for the Helm chart, built by Go from pinned versions into .local/bin. Included by the Makefile.
HELM_VERSION := v4.3.1
HELM3_VERSION := v3.21.4
HELM_DOCS_VERSION := v1.14.2
KUBECONFORM_VERSION := v0.7.0
CHART_TOOLS := helm helm3 helm-docs helm-unittest kubeconform

chart-tools: $(CHART_TOOLS:%=.local/bin/%)

# Built anew when a version changes; in a folder of its own, because two of them install a program called helm.
.local/bin/helm .local/bin/helm3 .local/bin/helm-docs .local/bin/kubeconform: tests/chart/tools.mk
	@command -v go >/dev/null || { echo "Go 1.26 is needed to build $(@F)"; exit 1; }
	@mkdir -p .local/bin .local/go-install/$(@F)
	GOBIN=$(CURDIR)/.local/go-install/$(@F) go install $(PACKAGE)
	@mv .local/go-install/$(@F)/* $@ && touch $@

.local/bin/helm: PACKAGE = helm.sh/helm/v4/cmd/helm@$(HELM_VERSION)
.local/bin/helm3: PACKAGE = helm.sh/helm/v3/cmd/helm@$(HELM3_VERSION)
.local/bin/helm-docs: PACKAGE = github.com/norwoodj/helm-docs/cmd/helm-docs@$(HELM_DOCS_VERSION)
.local/bin/kubeconform: PACKAGE = github.com/yannh/kubeconform/cmd/kubeconform@$(KUBECONFORM_VERSION)

.local/bin/helm-unittest: tests/chart/tools/go.mod tests/chart/tools/go.sum
	@mkdir -p .local/bin
	cd tests/chart/tools && go build -o $(CURDIR)/$@ github.com/helm-unittest/helm-unittest/cmd/helm-unittest
	@touch $@
