"""`car-client classify`."""

from rich.console import Console

from car_client.classify_files import classify_files
from car_client.cli.options import (
    AsJson,
    GrpcAddress,
    Images,
    Models,
    SendAs,
    ServerUrl,
    SidecarUrl,
    Speak,
    Timeout,
    TopK,
)
from car_client.cli.output import configure_log, print_json
from car_client.display import show_classification
from car_client.inference.classifier import Classification
from car_client.reports import log_inference, outcome_document
from car_client.session import Session
from car_client.settings import load_settings


def classify(
    images: Images,
    *,
    model: Models = None,
    top_k: TopK = None,
    transport: SendAs = None,
    protocol: Speak = None,
    grpc_address: GrpcAddress = None,
    server_url: ServerUrl = None,
    sidecar_url: SidecarUrl = None,
    timeout: Timeout = None,
    as_json: AsJson = False,
) -> None:
    """Classify pictures once, with every model or with those named.

    Pictures that cannot be classified are told on standard error, the others are classified all the same.
    """
    settings = load_settings(
        server_url=server_url,
        sidecar_url=sidecar_url,
        timeout=timeout,
        transport=transport,
        protocol=protocol,
        grpc_address=grpc_address,
    )
    configure_log(settings, answers_on_terminal=True)
    console = Console()

    def show(result: Classification) -> None:
        log_inference(result)
        if not as_json:
            show_classification(console, result)

    outcome = classify_files(Session(settings), images, models=model or (), top_k=top_k, show=show)
    if as_json:
        print_json(outcome_document(outcome))
    outcome.check()
