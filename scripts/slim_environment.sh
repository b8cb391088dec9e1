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

# Tests of others with their data, sources of what is compiled already, what builds extensions, and types for checkers.
find "$site" -depth -type d \( -name tests -o -name SelfTest \) -exec rm -rf {} +
find "$site" \( -name '*.pyi' -o -name '*.a' \) -delete
rm -rf "$site"/openvino/include "$site"/numpy/_core/include
rm -rf "$site"/onnx/backend/test "$site"/onnx/reference "$site"/numpy/f2py "$site"/numpy/distutils
find "$site"/onnx "$site"/simdjson \( -name '*.cc' -o -name '*.cpp' -o -name '*.h' -o -name '*.pyx' \) -delete 2>/dev/null || true

# Colours of five hundred languages: those of a traceback stay.
rm -rf "$site"/pygments/lexers/__pycache__
for lexer in "$site"/pygments/lexers/*.py; do
  case ${lexer##*/} in __init__.py | _mapping.py | python.py | special.py) ;; *) rm -f "$lexer" ;; esac
done

"$1"/bin/python "$(dirname "$0")"/unloaded_parts.py "$site"
