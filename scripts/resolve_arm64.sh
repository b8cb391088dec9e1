#!/usr/bin/env bash
# Whether every locked package of sidecar, server and client is published as a wheel for Linux on arm64, with the hash of
# the lock, for the images' Python. Nothing is installed or run. PYTHON names an interpreter with pip.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# The newest glibc that a package needs there is OpenVINO's; pip takes each older one by its own name.
tags=(--platform manylinux2014_aarch64)
for minor in {17..35}; do tags+=(--platform "manylinux_2_${minor}_aarch64"); done
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for program in model-sync ovms-lite car-client; do
  "${PYTHON:-python3}" -m pip install --quiet --disable-pip-version-check --dry-run --ignore-installed --no-deps \
    --require-hashes --only-binary :all: --implementation cp --python-version 3.11 "${tags[@]}" \
    --target "$folder" --requirement "locks/$program.txt"
  echo "$program: all $(grep -c == "locks/$program.txt") packages have wheels for arm64"
done
