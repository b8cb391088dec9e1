#!/bin/sh
# Takes out of a Python environment what the platform's programs never load: ENVIRONMENT is its folder. Used for the
# images and by `make runtime`. What stays is every format of a model and the CPU.
set -eu
site=$(echo "$1"/lib/python3*/site-packages)
[ -d "$site" ] || { echo "$0: $1 is no environment of Python" >&2; exit 64; }

# OpenVINO: devices and frameworks that ovms-lite and the preflight do not serve, and the GPU's tuned kernels.
for name in intel_gpu_plugin intel_npu_plugin pytorch_frontend jax_frontend gguf_frontend; do
  rm -f "$site"/openvino/libs/libopenvino_"$name".so*
done
rm -f "$site"/openvino/libs/cache.json

# Tests of others with their data, and sources of what is compiled already.
find "$site" -depth -type d -name tests -exec rm -rf {} +
rm -rf "$site"/onnx/backend/test
rm -f "$site"/simdjson/*.cpp "$site"/simdjson/*.h "$site"/simdjson/*.pyx

# Debug symbols, nine tenths of these files; only where binutils are installed.
if command -v strip >/dev/null; then
  for library in "$site"/ml_dtypes/_ml_dtypes_ext*.so "$site"/csimdjson*.so "$site"/rapidjson*.so; do
    [ ! -f "$library" ] || strip --strip-debug "$library"
  done
fi
