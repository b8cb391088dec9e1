#!/usr/bin/env bash
# Builds the platform's container images, and pushes them where asked.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
# shellcheck source=scripts/commands.sh
. scripts/commands.sh
# shellcheck source=scripts/images.sh
. scripts/images.sh

usage() {
  cat <<'END'
Usage: [VARIABLE=VALUE...] ./build.sh [--dry-run] [--help]

Builds the images with docker, podman or buildah, the first of them that works:

  server    edgeai-ovms-server                             the real OpenVINO Model Server (amd64)
  lite      edgeai-ovms-lite                               the server for laptops, CI and arm64
  sidecar   edgeai-model-sync-sidecar, model-sync-sidecar  the sync sidecar
  client    edgeai-client-app                              the client

Variables:
  IMAGES     which of them (default: server lite sidecar client)
  TAG        tag of all (default: two, latest and the version, which the chart takes when it is told none)
  REGISTRY   what comes before the names: a Docker Hub user, or host/path
  PUSH       true: push each image after all are built
  PLATFORMS  such as linux/amd64,linux/arm64; docker builds several only together with PUSH=true
  BUILDER    a build command of your own, such as "nerdctl build"; called with -t, -f, --target, --build-arg and the context
  PYTHON_IMAGE, OVMS_IMAGE   other base images, for instance by digest

Examples:
  ./build.sh
  IMAGES="lite sidecar client" ./build.sh
  REGISTRY=your-username PUSH=true ./build.sh
  REGISTRY=ghcr.io/you PLATFORMS=linux/amd64,linux/arm64 PUSH=true TAG=1.2.0 ./build.sh

Exit codes: 0 all built; 1 an image could not be built or pushed; 64 a wrong option; 69 nothing here builds images.
END
}

dry_run=no
while [ $# -gt 0 ]; do
  case $1 in
  --dry-run) dry_run=yes ;;
  -h | --help) usage && exit 0 ;;
  *) die "unknown option '$1'; see --help" 64 ;;
  esac
  shift
done

TAG=${TAG:-latest $(version)} REGISTRY=${REGISTRY:-} PLATFORMS=${PLATFORMS:-} PUSH=${PUSH:-false} BUILDER=${BUILDER:-}
IMAGES=${IMAGES:-$ALL_IMAGES}
for image in $IMAGES; do recipe_of "$image" >/dev/null; done
case $PUSH in true | false) ;; *) die "PUSH is true or false, not '$PUSH'" 64 ;; esac

if [ -n "$BUILDER" ]; then
  engine=own
  [ "$PUSH" = false ] || die "BUILDER only builds; push with the program that belongs to it" 64
  [ -z "$PLATFORMS" ] || die "PLATFORMS has no effect on a BUILDER; put its own option into BUILDER" 64
else
  engine=$(find_engine)
  [ -n "$engine" ] || die "neither docker, podman nor buildah works here; start one of them, or name a BUILDER" 69
  say "building with $engine"
fi
case $engine:$PLATFORMS:$PUSH in
docker:*,*:false) die "docker keeps no image of several platforms; add PUSH=true, or name one platform" 64 ;;
esac

facts() { # what every image is told about its origin
  local revision source created
  revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)
  created=$(TZ=UTC git log -1 --date=iso-strict-local --format=%cd 2>/dev/null || echo unknown)
  source=$(git config --get remote.origin.url 2>/dev/null || true)
  case $source in http*://*@* | '') source=unknown ;; esac # never a password
  echo "--build-arg VERSION=$(version) --build-arg REVISION=$revision --build-arg SOURCE=$source --build-arg CREATED=$created"
  [ -z "${PYTHON_IMAGE:-}" ] || echo "--build-arg PYTHON_IMAGE=$PYTHON_IMAGE"
}

platforms_of() { # IMAGE: the real server is made for amd64 only
  if [ "$1" = server ] && [ -n "$PLATFORMS" ]; then echo linux/amd64; else echo "$PLATFORMS"; fi
}

build() { # IMAGE
  local image=$1 platforms names name options first epoch
  platforms=$(platforms_of "$image")
  # shellcheck disable=SC2086 # TAG may be two
  names=$(tags_of "$image" $TAG)
  first=$(echo "$names" | head -1)
  # shellcheck disable=SC2046 # words without blanks: options, numbers and addresses
  set -- $(recipe_of "$image") $(facts)
  [ "$image" != server ] || set -- "$@" --build-arg "OVMS_IMAGE=$OVMS_BASE"
  # The time of the commit instead of now: the same sources give the same image.
  epoch=$(git log -1 --format=%ct 2>/dev/null || echo 0)
  case $engine:$platforms in
  podman:*,* | buildah:*,*)
    # A list of images has one name while it is built; building again must not add to the old list.
    run "$engine" manifest rm "$first" >/dev/null 2>&1 || true
    run "$engine" build --timestamp "$epoch" --platform "$platforms" --manifest "$first" "$@" . || return
    for name in $names; do [ "$name" = "$first" ] || run "$engine" tag "$first" "$name" || return; done
    return
    ;;
  esac
  for name in $names; do set -- -t "$name" "$@"; done
  case $engine in
  own)
    read -ra options <<<"$BUILDER"
    run "${options[@]}" "$@" .
    ;;
  docker)
    set -- --build-arg "SOURCE_DATE_EPOCH=$epoch" "$@"
    case $platforms in
    '') run docker build "$@" . ;;
    *,*) run docker buildx build --platform "$platforms" --push "$@" . ;;
    *) run docker buildx build --platform "$platforms" --load "$@" . ;;
    esac
    ;;
  *) run "$engine" build --timestamp "$epoch" ${platforms:+--platform "$platforms"} "$@" . ;;
  esac
}

push() { # IMAGE
  local name platforms
  platforms=$(platforms_of "$1")
  # shellcheck disable=SC2086 # TAG may be two
  for name in $(tags_of "$1" $TAG); do
    case $engine:$platforms in
    docker:*,*) ;; # pushed by its build
    podman:*,* | buildah:*,*) run "$engine" manifest push --all "$name" "docker://$name" || return ;;
    *) run "$engine" push "$name" || return ;;
    esac
  done
}

report() { # what there is now
  local image name size
  [ "$dry_run" = no ] || return 0
  for image in $built; do
    # shellcheck disable=SC2086 # TAG may be two
    for name in $(tags_of "$image" $TAG); do
      size=
      case $engine:$PLATFORMS in own:* | *,*) ;; *) size=$(size_of "$engine" "$name") ;; esac
      printf '%-10s %-50s %s\n' "$image" "$name" "$size"
    done
  done
}

built='' failed=''
for image in $IMAGES; do
  if build "$image"; then
    built="$built $image"
    continue
  fi
  failed="$failed $image"
  say "$image: could not be built; the lines above say why"
  [ "$image" != server ] || say "server: it is built on $OVMS_BASE, which has to be pulled or mirrored. Without it, build the" \
    "others by IMAGES=\"lite sidecar client\" ./build.sh, and deploy them by ./deploy.sh --runtime lite"
done
if [ "$PUSH" = true ] && [ -z "$failed" ]; then
  for image in $built; do
    push "$image" || { failed="$failed $image" && say "$image: could not be pushed; is this machine signed in to ${REGISTRY:-Docker Hub}?"; }
  done
fi
report
[ -z "$failed" ] || die "not done:$failed"
