# shellcheck shell=bash
# Getting images from the program that built them into a cluster on this machine. Sourced after images.sh.

cluster_kind() { # prints kind, minikube, k3s or containerd; nothing for a cluster that pulls its images
  local context nodes
  context=$(kubectl config current-context 2>/dev/null || true)
  case $context in kind-*) has kind && echo kind && return ;; esac
  nodes=$(kubectl get nodes -o 'jsonpath={range .items[*]}{.metadata.name} {.metadata.labels.minikube\.k8s\.io/name} {.status.nodeInfo.kubeletVersion}{"\n"}{end}' 2>/dev/null) || return 0
  case $nodes in
  *+k3s*) has k3s && echo k3s ;;
  *)
    if [ -n "$(echo "$nodes" | awk 'NF == 3 {print $2}')" ]; then
      has minikube && echo minikube
    elif on_this_machine "$nodes" && has ctr; then
      echo containerd
    fi
    ;;
  esac
}

on_this_machine() { # NODES: the only node has this machine's name, or its identity
  [ "$(echo "$1" | grep -c .)" = 1 ] || return
  [ "$(echo "$1" | awk '{print $1}')" != "$(hostname)" ] || return 0
  [ -s /etc/machine-id ] &&
    [ "$(kubectl get nodes -o 'jsonpath={.items[0].status.nodeInfo.machineID}')" = "$(cat /etc/machine-id)" ]
}

save() { # ENGINE NAME FILE: a docker archive, named as Kubernetes names it
  local full; full=$(full_name "$2")
  case $1 in
  docker) run docker save -o "$3" "$2" ;;
  podman) run podman tag "$2" "$full" && run podman save --format docker-archive -o "$3" "$full" ;;
  buildah) run buildah push "$2" "docker-archive:$3:$full" ;;
  esac
}

load() { # KIND FILE
  local context; context=$(kubectl config current-context)
  case $1 in
  kind) run kind load image-archive "$2" --name "${context#kind-}" ;;
  minikube) run minikube --profile "$context" image load "$2" ;;
  k3s) as_root k3s ctr images import "$2" ;;
  containerd) as_root ctr --namespace k8s.io images import "$2" ;;
  esac
}

as_root() { if [ "$(id -u)" = 0 ]; then run "$@"; else run sudo "$@"; fi; }

load_images() { # NAME...: from the engine that has them into the cluster
  local kind engine name folder
  kind=$(cluster_kind)
  if [ -z "$kind" ]; then
    say "this is no kind, minikube, k3s or containerd of this machine, so no image is loaded: it pulls them from their registry"
    return
  fi
  engine=$(find_engine)
  [ -n "$engine" ] || die "neither docker, podman nor buildah works here, so nothing can be loaded into $kind; say --no-load if it has the images" 69
  folder=$(mktemp -d)
  # shellcheck disable=SC2064 # the folder of now
  trap "rm -rf '$folder'" EXIT
  for name; do
    if ! engine_has "$engine" "$name"; then
      die "$engine has no image $name; build it first (./build.sh), or deploy from a registry (--dockerhub)"
    fi
    say "loading $name into $kind"
    save "$engine" "$name" "$folder/image.tar"
    load "$kind" "$folder/image.tar"
    rm -f "$folder/image.tar"
  done
}
