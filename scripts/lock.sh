#!/usr/bin/env bash
# Writes locks/*.txt from the pyproject.toml files: every third-party package by version and hashes, for Linux on amd64
# and arm64 with Python 3.11 to 3.13. What is locked stays at its version unless LOCK_FLAGS says --upgrade, or
# --upgrade-package NAME.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/commands.sh
. scripts/commands.sh
uv=${UV:-.local/uv/bin/uv}
need "$uv" "resolve the packages; make lock installs it"
mapfile -t own < <(sed -n 's/^name = "\(.*\)"/\1/p' ./*/pyproject.toml)

lock() { # NAME [FLAG...] -- REQUIREMENT...
  local name=$1 flags=()
  shift
  while [ "$1" != -- ]; do flags+=("$1"); shift; done
  shift
  # shellcheck disable=SC2086 # several names
  mapfile -t without < <(printf -- '--no-emit-package\n%s\n' "${own[@]}" ${left_out:-})
  # shellcheck disable=SC2086 # several flags
  printf '%s\n' "$@" | "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes \
    --no-annotate --custom-compile-command "make lock" \
    "${without[@]}" "${flags[@]}" ${LOCK_FLAGS:-} --output-file "locks/$name.txt" -
  sed -i '/^$/,$d' "locks/$name.txt" # a list of what was left out
  say "locks/$name.txt: $(locked "$name" | wc -l) packages"
}

locked() { sed -n 's/==.*//p' "locks/$1.txt"; } # NAME: the packages in it

mkdir -p locks
all=(./common ./sync-sidecar ./server-container ./client-container ./volume-for-model ./local-stack)
as_developed=(--constraints locks/develop.txt)
lock develop --group dev -- "${all[@]}"
lock build "${as_developed[@]}" -- pip 'hatchling>=1.27' editables 'uv>=0.9'
lock model-sync "${as_developed[@]}" -- ./common ./sync-sidecar
lock ovms-lite "${as_developed[@]}" -- ./common ./server-container
lock car-client "${as_developed[@]}" -- ./common ./client-container

# What is installed on top of .venv, without what is there
left_out=$(locked develop)
lock int8 "${as_developed[@]}" -- './volume-for-model[int8]' "${all[@]}"
lock notebook "${as_developed[@]}" -- './volume-for-model[mlflow]' ./jupyter-notebook "${all[@]}"
left_out+=$'\n'$(locked notebook)
lock jupyterlab "${as_developed[@]}" --constraints locks/notebook.txt -- 'jupyterlab>=4.4'
