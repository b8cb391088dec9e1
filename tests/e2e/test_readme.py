"""Commands of README and docs/operations.md, as they are typed there; only the namespace is another."""

import shlex
import subprocess

import pytest
import requests

from .platform import Platform
from .release import ROOT, helm_program

SERVER = "deployment/ml-platform-edge-ai-car-classification-server"
ALL = "-l app.kubernetes.io/instance=ml-platform -n ml-platform"
OF_SERVER = "-l app.kubernetes.io/component=server"
LOOKING = {
    "kubectl get pods -n ml-platform": "ml-platform-minio-0",
    "kubectl get svc,endpoints -n ml-platform": "ml-platform-minio-console",
    f"kubectl logs {OF_SERVER} -c ovms -n ml-platform --tail=-1": "listening",
    f"kubectl logs {OF_SERVER} -c model-sync -n ml-platform --tail=-1": "version_serving",
    "kubectl logs -l app.kubernetes.io/component=client -n ml-platform --tail=-1": '"event": "inference"',
    f"kubectl get pods {OF_SERVER} -n ml-platform": "2/2",
    "kubectl get pvc -n ml-platform": "data-ml-platform-minio-0",
    "kubectl get storageclass": "PROVISIONER",
    f"kubectl get all {ALL}": "statefulset.apps/ml-platform-minio",
    f"kubectl describe all {ALL}": "Controlled By:",
    "kubectl get events --sort-by=.metadata.creationTimestamp -n ml-platform": "Started container",
    f"kubectl exec -i {SERVER} -c ovms -n ml-platform -- /bin/bash": "",
    f"kubectl exec {SERVER} -c model-sync -n ml-platform -- model-sync status": "serving",
    "helm test ml-platform -n ml-platform --logs": "school bus",
    "helm status ml-platform -n ml-platform": "Upload a model to the bucket",
}
FORWARDED = {
    "kubectl port-forward svc/ml-platform-minio-console 9001:9001 -n ml-platform": "http://localhost:9001/",
    "kubectl port-forward svc/ml-platform-minio 9000:9000 -n ml-platform": "http://localhost:9000/minio/health/live",
    "kubectl port-forward svc/ml-platform-edge-ai-car-classification-client 8080:8080 -n ml-platform": "http://localhost:8080/",
    "kubectl port-forward svc/ml-platform-edge-ai-car-classification-server 8000:8000 -n ml-platform": "http://localhost:8000/v1/config",
}


def _typed(command: str, platform: Platform) -> list[str]:
    words = shlex.split(command.replace("-n ml-platform", f"-n {platform.kubectl.namespace}"))
    return [helm_program(), *words[1:]] if words[0] == "helm" else words


@pytest.mark.parametrize("command", LOOKING)
def test_a_command_that_looks(command: str, platform: Platform) -> None:
    done = subprocess.run(
        _typed(command, platform),
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        input="exit 0\n",
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert LOOKING[command] in done.stdout


@pytest.mark.parametrize("command", FORWARDED)
def test_an_address_that_is_forwarded(command: str, platform: Platform) -> None:
    with subprocess.Popen(_typed(command, platform), stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("Forwarding from 127.0.0.1:")
            assert requests.get(FORWARDED[command], timeout=20).status_code == requests.codes.ok
        finally:
            process.terminate()
