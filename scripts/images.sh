# shellcheck shell=bash
# The platform's images: their names and recipes, and the programs that can build them. Sourced after commands.sh.

ALL_IMAGES="server lite sidecar client"
# shellcheck disable=SC2034 # used where this is sourced
OVMS_BASE=${OVMS_IMAGE:-docker.io/openvino/model_server:2026.2.1}

recipe_of() { # IMAGE: options of a build that say how it is made
  case $1 in
  server) echo -f server-container/Dockerfile ;;
  lite | sidecar | client) echo "-f Dockerfile --target $1" ;;
  *) die "there is no image '$1'; IMAGES is some of: $ALL_IMAGES" 64 ;;
  esac
}

repositories_of() { # IMAGE: its names without registry and tag; the sidecar has two
  case $1 in
  server) echo edgeai-ovms-server ;;
  lite) echo edgeai-ovms-lite ;;
  sidecar) echo edgeai-model-sync-sidecar model-sync-sidecar ;;
  client) echo edgeai-client-app ;;
  esac
}

version() { sed -n 's/^appVersion: "\(.*\)"/\1/p' helm-chart/edge-ai-car-classification/Chart.yaml; }

tags_of() { # IMAGE TAG...: all its names, with REGISTRY
  local repository tag
  for repository in $(repositories_of "$1"); do
    for tag in "${@:2}"; do echo "${REGISTRY:+${REGISTRY%/}/}$repository:$tag"; done
  done
}

full_name() { # NAME: as Kubernetes knows it
  case $1 in
  */*) case ${1%%/*} in localhost | *[.:]*) echo "$1" ;; *) echo "docker.io/$1" ;; esac ;;
  *) echo "docker.io/library/$1" ;;
  esac
}

find_engine() { # prints docker, podman or buildah, the first that works; nothing: none does
  if has docker && docker info >/dev/null 2>&1; then
    echo docker
  elif has podman && podman info >/dev/null 2>&1; then
    echo podman
  elif has buildah && buildah info >/dev/null 2>&1; then
    echo buildah
  fi
}

engine_has() { # ENGINE NAME
  case $1 in
  buildah) buildah inspect --type image "$2" >/dev/null 2>&1 ;;
  *) "$1" image inspect "$2" >/dev/null 2>&1 ;;
  esac
}

size_of() { # ENGINE NAME: in words
  local bytes
  case $1 in
  buildah) buildah images --format '{{.Size}}' "$2" ;;
  *)
    bytes=$("$1" image inspect --format '{{.Size}}' "$2")
    echo "$((bytes / 1000000)) MB"
    ;;
  esac
}
