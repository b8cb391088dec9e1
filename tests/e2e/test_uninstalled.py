"""`helm uninstall` leaves what docs/operations.md promises, and nothing else."""

from .platform import Platform

KINDS = "all,configmaps,secrets,serviceaccounts,pvc,networkpolicies,hpa,pdb"


def test_only_the_uploads_are_left(platform: Platform) -> None:
    platform.release.uninstall()
    platform.kubectl.run(
        "wait",
        "--for=delete",
        "pods",
        "--selector",
        f"app.kubernetes.io/instance={platform.release.name}",
        "--timeout=90s",
    )
    left = platform.kubectl.find(KINDS, f"app.kubernetes.io/instance={platform.release.name}")
    names = [f"{one['kind']}/{one['metadata']['name']}" for one in left]
    assert names == [f"PersistentVolumeClaim/data-{platform.release.name}-minio-0"]
