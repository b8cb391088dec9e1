#!/bin/sh
# Makes a layer of the images: installs into /opt/edgeai what exactly these PROGRAMs lock in common, and the folders given
# as ./FOLDER. Usage: image_layer.sh PROGRAM... [./FOLDER...], in the folder that holds locks/ and scripts/.
set -eu
environment=/opt/edgeai
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
into="python3 -m pip --python $environment/bin/python install --no-compile --no-deps"

programs=
while [ $# -gt 0 ]; do
  case $1 in ./*) break ;; esac
  programs="$programs $1"
  shift
done
# shellcheck disable=SC2086 # several words, on purpose, here and below
python3 scripts/locked_layer.py $programs >/tmp/layer.txt
[ ! -s /tmp/layer.txt ] || $into --require-hashes --requirement /tmp/layer.txt
if [ $# -gt 0 ]; then
  python3 -m pip wheel --no-deps --no-build-isolation --wheel-dir wheels "$@"
  $into wheels/*.whl
fi
scripts/slim_environment.sh "$environment"
# Bytecode that names no time and is never compared with its source is the same in every build, and is used on a read-only root.
"$environment/bin/python" -m compileall -q --invalidation-mode unchecked-hash "$environment/lib"
