"""JSON Schemas for kubeconform, made from what Go modules ship, so that no network is asked while checking.

    python tests/chart/kubernetes_schemas.py FOLDER

Kubernetes' own kinds come from `api/openapi-spec/swagger.json` of k8s.io/kubernetes, the others from the
custom resource definitions in the modules of their projects. Unknown fields are errors.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

KUBERNETES = "k8s.io/kubernetes@v1.36.2"
CUSTOM = {
    "github.com/prometheus-operator/prometheus-operator@v0.85.0": (
        "example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml",
        "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml",
    ),
    "sigs.k8s.io/gateway-api@v1.4.0": ("config/crd/standard/gateway.networking.k8s.io_httproutes.yaml",),
}
_DEFINITIONS = "#/definitions/"
_ONE_OF_TWO = {
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": ["string", "integer"],
    "io.k8s.apimachinery.pkg.api.resource.Quantity": ["string", "number"],
}

Schema = dict[str, Any]


def module_folder(module: str) -> Path:
    """Where Go keeps the module; downloads it when it is not there."""
    done = subprocess.run(
        ["go", "mod", "download", "-json", module], capture_output=True, text=True, check=False
    )
    answer = json.loads(done.stdout or "{}")
    if "Dir" not in answer:
        sys.exit(f"{module} cannot be had: {answer.get('Error', done.stderr)}")
    return Path(answer["Dir"])


def closed(schema: Any) -> Any:
    """The schema with unknown fields forbidden wherever fields are named."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    result = {key: closed(value) for key, value in schema.items()}
    if result.get("x-kubernetes-int-or-string"):
        result.pop("type", None)
    if isinstance(schema.get("properties"), dict) and not schema.get("x-kubernetes-preserve-unknown-fields"):
        result.setdefault("additionalProperties", False)
    return result


def of_kubernetes(swagger: Schema) -> Iterator[tuple[str, Schema]]:
    """File name and schema of every kind."""
    definitions = closed(swagger["definitions"])
    for name, kinds in _ONE_OF_TWO.items():
        definitions[name] = {"type": kinds}
    for name, definition in definitions.items():
        for kind in definition.get("x-kubernetes-group-version-kind", ()):
            yield (
                _file_name(kind["group"], kind["version"], kind["kind"]),
                {
                    "$ref": f"{_DEFINITIONS}{name}",
                    "definitions": {needed: definitions[needed] for needed in _needed(name, definitions)},
                },
            )


def of_custom_resource(definition: Schema) -> Iterator[tuple[str, Schema]]:
    """File name and schema of every version of a custom resource."""
    spec = definition["spec"]
    for version in spec["versions"]:
        schema = closed(version["schema"]["openAPIV3Schema"])
        yield _file_name(spec["group"], version["name"], spec["names"]["kind"]), schema


def _file_name(group: str, version: str, kind: str) -> str:
    return (
        f"{group or version}_{version}_{kind}.json".lower()
    )  # of the core group kubeconform has the version as group


def _needed(name: str, definitions: Schema) -> set[str]:
    """The definition and all that it refers to."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        current = waiting.pop()
        if current not in found:
            found.add(current)
            waiting += _references(definitions[current])
    return found


def _references(schema: Any) -> list[str]:
    if isinstance(schema, list):
        return [name for item in schema for name in _references(item)]
    if not isinstance(schema, dict):
        return []
    own = schema.get("$ref")
    inner = [name for value in schema.values() for name in _references(value)]
    return [*inner, own.removeprefix(_DEFINITIONS)] if isinstance(own, str) else inner


def main(folder: Path) -> None:
    """Write all schemas into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    swagger = json.loads((module_folder(KUBERNETES) / "api/openapi-spec/swagger.json").read_text())
    schemas = dict(of_kubernetes(swagger))
    for module, paths in CUSTOM.items():
        for path in paths:
            schemas |= of_custom_resource(yaml.safe_load((module_folder(module) / path).read_text()))
    for name, schema in schemas.items():
        (folder / name).write_text(json.dumps(schema))
    sys.stdout.write(f"{len(schemas)} schemas in {folder}\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    main(parser.parse_args().folder)
