#!/usr/bin/env bash
# Removes the platform from the cluster that kubectl talks to. Asks before it deletes data.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
# shellcheck source=scripts/commands.sh
. scripts/commands.sh
# shellcheck source=scripts/images.sh
. scripts/images.sh

usage() {
  cat <<'END'
Usage: ./cleanup.sh [OPTIONS]

Uninstalls the Helm release, then deletes its volumes (the uploaded models are on them) and, when nothing else is in it,
its namespace. Asks before each of these two. Run it again at any time: what is gone already is no error.

  --namespace N   default: ml-platform
  --release N     name of the Helm release; default: ml-platform
  --yes           delete volumes and namespace without asking
  --keep-data     keep volumes and namespace without asking
  --images        also remove the images that ./build.sh made on this machine (REGISTRY and TAG as there)
  --timeout D     how long to wait for what is going away; default: 5m
  --dry-run       show the commands, run none that changes something
  -h, --help      this text

Exit codes: 0 done; 1 something could not be removed; 64 a wrong option; 69 kubectl, helm or a cluster is missing.
END
}

dry_run=no namespace=ml-platform release=ml-platform data=ask images=no timeout=5m
REGISTRY=${REGISTRY:-} TAG=${TAG:-latest $(version)}
while [ $# -gt 0 ]; do
  case $1 in
  --yes | -y) data=delete ;;
  --keep-data) data=keep ;;
  --images) images=yes ;;
  --dry-run) dry_run=yes ;;
  -h | --help) usage && exit 0 ;;
  --namespace | --release | --timeout)
    argument_of "$1" $#
    case $1 in
    --namespace) namespace=$2 ;;
    --release) release=$2 ;;
    --timeout) timeout=$2 ;;
    esac
    shift
    ;;
  *) die "unknown option '$1'; see --help" 64 ;;
  esac
  shift
done

need kubectl "talk to the cluster"
need helm "uninstall the chart"
kubectl version --request-timeout=10s >/dev/null 2>&1 ||
  die "no cluster answers kubectl; start it, or point KUBECONFIG at it" 69
mine="app.kubernetes.io/instance=$release"

agreed() { # QUESTION: yes only when said so
  local answer=
  case $data in delete) return 0 ;; keep) return 1 ;; esac
  [ $dry_run = no ] || { say "would ask: $1" && return 1; }
  [ -t 0 ] || { say "$1 Nobody is there to answer, so: no. Say --yes or --keep-data." && return 1; }
  read -r -p "$1 [y/N] " answer || true
  case $answer in y | Y | yes) return 0 ;; *) return 1 ;; esac
}

names_of() { # RESOURCE [OPTION...]
  kubectl get "$1" --namespace "$namespace" --ignore-not-found -o name "${@:2}"
}

left_by_others() { # what is in the namespace that Kubernetes did not put there itself
  local kind
  for kind in pods services deployments.apps statefulsets.apps jobs.batch persistentvolumeclaims secrets configmaps; do
    names_of $kind | grep -vxE 'configmap/(kube-root-ca.crt|openshift-service-ca.crt)' || true
  done
}

uninstall() {
  if helm status "$release" --namespace "$namespace" >/dev/null 2>&1; then
    run helm uninstall "$release" --namespace "$namespace" --wait --timeout "$timeout"
  else
    say "there is no release $release in namespace $namespace"
  fi
}

delete_left_by_hooks() { # Helm leaves the pod of a failed test, to be read
  local pods
  pods=$(names_of pods --selector "$mine,app.kubernetes.io/component=test")
  # shellcheck disable=SC2086 # one word for each name
  [ -z "$pods" ] || run kubectl delete --namespace "$namespace" --timeout "$timeout" $pods
}

delete_volumes() {
  local claims
  claims=$(names_of persistentvolumeclaims --selector "$mine")
  [ -n "$claims" ] || return 0
  say "volumes of $release:" "$claims"
  if agreed "Delete these volumes with all models on them?"; then
    # shellcheck disable=SC2086 # one word for each name
    run kubectl delete --namespace "$namespace" --timeout "$timeout" $claims
  else
    say "kept; a new release of the same name takes them again"
  fi
}

delete_namespace() {
  local left
  case $namespace in default | kube-*) return 0 ;; esac
  [ -n "$(kubectl get namespace "$namespace" --ignore-not-found -o name)" ] || return 0
  left=$(left_by_others)
  if [ -n "$left" ]; then
    say "namespace $namespace is kept; in it there is:" "$left"
  elif agreed "Delete the empty namespace $namespace?"; then
    run kubectl delete namespace "$namespace" --timeout "$timeout"
  fi
}

remove_images() {
  local engine image name
  engine=$(find_engine)
  [ -n "$engine" ] || { say "neither docker, podman nor buildah works here, so there are no images" && return 0; }
  for image in $ALL_IMAGES; do
    # shellcheck disable=SC2086 # TAG may be two
    for name in $(tags_of "$image" $TAG); do
      ! engine_has "$engine" "$name" || run "$engine" rmi "$name"
    done
  done
}

uninstall
delete_left_by_hooks
delete_volumes
delete_namespace
[ $images = no ] || remove_images
