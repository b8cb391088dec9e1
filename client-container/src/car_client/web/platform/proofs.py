"""What a version can show for itself, in lines for people. Pure."""

from collections.abc import Iterator

from car_client.sidecar.documents import Provenance, Signature, Version


def proofs(version: Version) -> list[str]:
    """Digest, signer, acceptance and origin, each where the sidecar tells it."""
    return list(_lines(version))


def _lines(version: Version) -> Iterator[str]:
    if version.digest is not None:
        yield f"Digest {version.digest}"
    if isinstance(version.signature, Signature):
        yield _signed(version.signature)
    elif version.signature is not None:
        yield version.signature
    if version.acceptance is not None:
        yield f"Acceptance: {version.acceptance.sentence}"
    if version.provenance is not None:
        yield _origin(version.provenance)


def _signed(signature: Signature) -> str:
    key = f", trusted by {signature.key}" if signature.key else ""
    problem = f"; {signature.problem}" if signature.problem else ""
    return f"Signed by {signature.signer}{key}{problem}"


def _origin(said: Provenance) -> str:
    version = f" version {said.version}" if said.version else ""
    run = f", run {said.run}" if said.run else ""
    return f"Says it comes from {said.registry}: {said.name}{version}{run}"
