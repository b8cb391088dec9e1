"""The steps that bring the platform up, and the one that takes it down."""

import psutil
from edge_common.errors import RetryableError

from edge_stack.demo.steps import Findings, NotHeldError

LOADED_MODEL = "effnet_lite0_car_onnx"
"""Is exchanged under load."""
OTHER_MODEL = "effnet_lite2_car_openvino"
"""Is removed in the end."""
POLL_ALONE_SECONDS = 3.0
POLL_BESIDE_EVENTS_SECONDS = 30.0
"""So long that what is served within two seconds was noticed by an event."""
_BUILD_WITHIN_SECONDS = 120.0
_PHOTOS_WITHIN_SECONDS = 45.0
"""The photos may have to be fetched first; on a slow network drawings must do."""


def build_models(findings: Findings) -> str:
    """Build both models, a second version of one, and a third that is broken."""
    loaded = ("--only", LOADED_MODEL)
    for arguments in (
        (),
        (*loaded, "--version", "2"),
        (*loaded, "--version", "3", "--broken"),
        ("--only", OTHER_MODEL, "--version", "2"),
    ):
        build = ("build", "--out", findings.models, *arguments)
        findings.car_models(*build, within=_BUILD_WITHIN_SECONDS * findings.patience)
    versions = len(list(findings.models.glob("*/*/SHA256SUMS")))
    return f"{versions} versions of 2 models"


def make_pictures(findings: Findings) -> str:
    """Collect photos where they can be had quickly, else make do with the drawings."""
    make = ("pictures", "--out", str(findings.pictures_from))
    try:
        findings.car_models(*make, "--photos", "auto", within=_PHOTOS_WITHIN_SECONDS)
    except RetryableError:
        findings.car_models(*make, "--photos", "none", within=_BUILD_WITHIN_SECONDS * findings.patience)
    pictures = [file.name for file in findings.pictures_from.glob("*.jpg")]
    photos = sum(name.startswith("photo-") for name in pictures)
    return f"{photos} photos and {len(pictures) - photos} drawings"


def start_store(findings: Findings) -> str:
    """Start MinIO or the embedded store."""
    store = findings.stack.start_store()
    findings.store = store.description
    return f"{store.description} at {store.endpoint}"


def start_sidecar(findings: Findings) -> str:
    """Start the sidecar; ready means that config.json is there."""
    events = findings.stack.store.sends_events
    poll = POLL_BESIDE_EVENTS_SECONDS if events else POLL_ALONE_SECONDS
    findings.stack.start_sidecar(POLL_INTERVAL=f"{poll:g}s")
    findings.events = findings.stack.connect_events()
    listens = "is called by the store at changes and polls" if findings.events else "polls"
    return f"{listens} every {poll:g} s; status at {findings.stack.ports.sidecar_url}/v1/status"


def start_server(findings: Findings) -> str:
    """Start the model server, which serves nothing yet."""
    findings.stack.start_server()
    return f"ready at {findings.stack.ports.server_url}"


def start_client(findings: Findings) -> str:
    """Start the client, which watches a folder and serves its page."""
    findings.stack.start_client()
    return f"watches {findings.stack.folder.pictures.name}/"


def end_everything(findings: Findings) -> str:
    """Send SIGTERM to all; each must end by itself, cleanly, and leave no process behind."""
    known = [psutil.Process(process.pid) for process in findings.stack.processes.running]
    family = known + [child for process in known for child in process.children(recursive=True)]
    codes = findings.stack.processes.stop_all()
    unclean = [f"{name} with {code}" for name, code in codes.items() if code != 0]
    left = [process for process in family if process.is_running()]
    if unclean or left:
        raise NotHeldError(f"ended uncleanly: {', '.join(unclean) or 'none'}; still running: {len(left)}")
    return f"{len(codes)} components ended by themselves, exit code 0; none of {len(family)} processes left"
