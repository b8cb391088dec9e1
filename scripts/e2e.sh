#!/usr/bin/env bash
# Runs the end-to-end tests (tests/e2e) on the cluster of KUBECONFIG, or on one that it starts and removes itself.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/commands.sh
. scripts/commands.sh
# shellcheck source=scripts/images.sh
. scripts/images.sh
# shellcheck source=scripts/cluster_images.sh
. scripts/cluster_images.sh

usage() {
  cat <<'END'
Usage: scripts/e2e.sh [PYTEST OPTION...]

Installs the chart in the namespaces edge-ai-e2e and edge-ai-e2e-scripts of a cluster, tries everything there with the
runtime ovms-lite, and removes both.

  KUBECONFIG    the cluster: kind, minikube, k3s or any other. The images are built by ./build.sh and loaded into it
  E2E_VALUES    values files with images that it can pull, instead of building and loading any
  CLUSTER_TOOL  without KUBECONFIG: a program that starts and removes a cluster (up, base-images, image build, down --purge);
                default: ../shared/cluster/cluster, when it is there
  E2E_HELM      another Helm, such as .local/bin/helm3; default: Helm 4 of make chart-tools
  E2E_FACTS     file for what was measured; default: .local/e2e-facts.json

Exit codes: 0 all passed; 69 there is no cluster; else that of pytest.
END
}
case ${1:-} in -h | --help) usage && exit 0 ;; esac

need kubectl "talk to the cluster"
export E2E_FACTS=${E2E_FACTS:-.local/e2e-facts.json}
images="lite sidecar client"

names() { # of the images, as the chart asks for them
  local image
  for image in $images; do tags_of "$image" "$(version)" | head -1; done
}

export PATH=$PWD/.local/bin:$PATH # the Helm of make chart-tools
begin=$SECONDS
told() { say "$1: $((SECONDS - begin)) s"; }

if [ -n "${KUBECONFIG:-}" ]; then
  kubectl version --request-timeout=10s >/dev/null 2>&1 || die "no cluster answers at KUBECONFIG=$KUBECONFIG" 69
  if [ -z "${E2E_VALUES:-}" ]; then
    IMAGES=$images ./build.sh
    # shellcheck disable=SC2046 # one word for each name
    load_images $(names)
  fi
else
  tool=${CLUSTER_TOOL:-../shared/cluster/cluster}
  [ -x "$tool" ] ||
    die "there is no cluster: set KUBECONFIG to one (kind create cluster, minikube start), or CLUSTER_TOOL to a program that starts one" 69
  case $tool in /*) ;; *) tool=$PWD/$tool ;; esac
  trap '"$tool" down --purge >&2' EXIT
  setting=$("$tool" up)
  eval "$setting" # export KUBECONFIG=…
  told "the cluster is up after"
  "$tool" base-images >&2
  told "base images are there after"
  IMAGES=$images BUILDER="$tool image build" ./build.sh >&2
  told "images are built after"
fi

.venv/bin/pytest -m e2e tests/e2e "$@"
told "all done after"
