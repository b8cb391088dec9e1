#!/usr/bin/env bash
# Installs sidecar, server and client alone into the environment FOLDER, as local-stack/systemd expects them: from locks,
# without pip, and without what they never load. May be repeated. PYTHON names the interpreter.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
folder=$1 python=${PYTHON:-python3}
"$python" local-stack/src/edge_stack/machine.py "$folder" 800

build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
"$python" -m venv "$build/environment"
pip=("$build/environment/bin/python" -m pip --quiet --disable-pip-version-check)
"${pip[@]}" install --no-deps --require-hashes --requirement locks/build.txt
"${pip[@]}" wheel --no-deps --no-build-isolation --wheel-dir "$build/wheels" \
  ./common ./sync-sidecar ./server-container ./client-container

"$python" -m venv --without-pip "$folder"
into=("${pip[@]}" --python "$folder/bin/python" install --no-deps)
"${into[@]}" --require-hashes \
  --requirement locks/model-sync.txt --requirement locks/ovms-lite.txt --requirement locks/car-client.txt
"${into[@]}" --force-reinstall "$build"/wheels/*.whl
scripts/slim_environment.sh "$folder"
