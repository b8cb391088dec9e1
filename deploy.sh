#!/usr/bin/env bash
# Installs the platform on the cluster that kubectl talks to, or upgrades it, and says where it answers.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
# shellcheck source=scripts/commands.sh
. scripts/commands.sh
# shellcheck source=scripts/images.sh
. scripts/images.sh
# shellcheck source=scripts/cluster_images.sh
. scripts/cluster_images.sh

CHART=helm-chart/edge-ai-car-classification
DOCKERHUB_USER=adithyazededa

usage() {
  cat <<'END'
Usage: ./deploy.sh [OPTIONS]

Loads the images of ./build.sh into kind, minikube, k3s or this machine's containerd when the cluster is one of them,
installs or upgrades the Helm chart, waits until everything is ready, and prints the addresses. Run it again at any time.

  --dockerhub          use the published images on Docker Hub; nothing is built or loaded
  --runtime ovms|lite  the real OpenVINO Model Server (default), or ovms-lite, which also runs on arm64
  --namespace N        default: ml-platform
  --release N          name of the Helm release; default: ml-platform
  --values FILE        chart values; may be given several times, later ones win
  --set KEY=VALUE      one chart value; may be given several times
  --tag TAG            tag of the images; default: the chart's version, with --dockerhub or REGISTRY: latest
  --no-load            load no images into the cluster
  --timeout D          how long to wait; default: 10m
  --dry-run            show the commands, run none that changes something
  -h, --help           this text

Variables: REGISTRY and TAG as for ./build.sh: with REGISTRY the cluster pulls REGISTRY/<image>:TAG.

Examples:
  ./build.sh && ./deploy.sh
  IMAGES="lite sidecar client" ./build.sh && ./deploy.sh --runtime lite
  ./deploy.sh --dockerhub --namespace cars
  REGISTRY=your-username ./deploy.sh --values production-values.yaml

Exit codes: 0 ready; 1 it did not become ready; 64 a wrong option; 69 kubectl, helm, a cluster or an image builder is missing.
END
}

dry_run=no dockerhub=no runtime='' namespace=ml-platform release=ml-platform load=yes timeout=10m
REGISTRY=${REGISTRY:-} TAG=${TAG:-}
values=() sets=()
while [ $# -gt 0 ]; do
  case $1 in
  --dockerhub) dockerhub=yes ;;
  --no-load) load=no ;;
  --dry-run) dry_run=yes ;;
  -h | --help) usage && exit 0 ;;
  --runtime | --namespace | --release | --values | -f | --set | --tag | --timeout)
    argument_of "$1" $#
    case $1 in
    --runtime) runtime=$2 ;;
    --namespace) namespace=$2 ;;
    --release) release=$2 ;;
    --values | -f)
      [ -f "$2" ] || die "there is no values file $2" 64
      values+=(--values "$2")
      ;;
    --set) sets+=(--set "$2") ;;
    --tag) TAG=$2 ;;
    --timeout) timeout=$2 ;;
    esac
    shift
    ;;
  *) die "unknown option '$1'; see --help" 64 ;;
  esac
  shift
done
case $runtime in '' | ovms | lite) ;; *) die "--runtime is ovms or lite, not '$runtime'" 64 ;; esac
[ $dockerhub = no ] || [ -z "$REGISTRY" ] || die "--dockerhub and REGISTRY=$REGISTRY name two places for the images; choose one" 64

need kubectl "talk to the cluster"
need helm "install the chart"
kubectl version --request-timeout=10s >/dev/null 2>&1 ||
  die "no cluster answers kubectl; start one, or point KUBECONFIG at it" 69

server_image=server
[ "$runtime" != lite ] || server_image=lite
image_of() { tags_of "$1" "$TAG" | head -1; }
[ $dockerhub = no ] || REGISTRY=$DOCKERHUB_USER
if [ -n "$REGISTRY" ]; then
  load=no TAG=${TAG:-latest}
fi
TAG=${TAG:-$(version)}
images=("$(image_of $server_image)" "$(image_of sidecar)" "$(image_of client)")
[ $load = no ] || load_images "${images[@]}"

run helm dependency update "$CHART"
arguments=(upgrade --install "$release" "$CHART" --namespace "$namespace" --create-namespace
  --set "server.ovms.image=${images[0]}" --set "server.sidecar.image=${images[1]}" --set "client.image=${images[2]}")
[ -z "$runtime" ] || arguments+=(--set "server.runtime=$runtime")
[ ${#values[@]} -eq 0 ] || arguments+=("${values[@]}")
[ ${#sets[@]} -eq 0 ] || arguments+=("${sets[@]}")
if ! run helm "${arguments[@]}" --wait --timeout "$timeout"; then
  say "it is not ready after $timeout. What the cluster says:"
  run kubectl get pods --namespace "$namespace" --selector "app.kubernetes.io/instance=$release" >&2 || true
  run kubectl get pvc --namespace "$namespace" >&2 || true # Pending: no default storage class, or none of that name
  run kubectl get storageclass >&2 || true
  run kubectl get events --namespace "$namespace" --field-selector type=Warning --sort-by=.lastTimestamp >&2 || true
  die "not deployed; run it again when the cause is gone"
fi

addresses() {
  kubectl get services --namespace "$namespace" --selector "app.kubernetes.io/instance=$release"
  local service
  service=$(kubectl get services --namespace "$namespace" \
    --selector "app.kubernetes.io/instance=$release,app.kubernetes.io/component=client" -o 'jsonpath={.items[0].metadata.name}')
  cat <<END

On this machine:
  http://localhost:8080  page and API   kubectl port-forward --namespace $namespace svc/$service 8080:8080
END
  [ -z "$(kubectl get service "$release-minio-console" --namespace "$namespace" --ignore-not-found -o name)" ] || cat <<END
  http://localhost:9001  upload models  kubectl port-forward --namespace $namespace svc/$release-minio-console 9001:9001
END
  cat <<END
  inferences, in the log                kubectl logs --namespace $namespace --selector app.kubernetes.io/component=client -f
END
}
[ $dry_run = yes ] || addresses
