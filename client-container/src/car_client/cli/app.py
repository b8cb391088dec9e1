"""The commands together, and what becomes of their errors."""

import typer
from edge_common.command_line import add_version_option, run_app

from car_client.cli.kept import history, review
from car_client.cli.once import bench, classify, models
from car_client.cli.running import healthcheck, serve, watch

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Classify pictures with every model that a KServe v2 server has. Settings come from CAR_CLIENT_* "
    "variables; flags override them. Exit codes: 0 done, 65 a picture or model is at fault, 75 the server "
    "cannot be reached, 78 a setting is wrong.",
)
add_version_option(app, "edgeai-cars-client")
app.command(epilog="Example: car-client models --server-url http://edge-1:8000")(models)
app.command(
    epilog="Examples: car-client classify car.jpg / car-client classify *.jpg --model effnet --top-k 3 --json"
)(classify)
app.command(epilog="Examples: car-client watch /pictures / car-client watch rtsp://gate/1 --json")(watch)
app.command(epilog="Examples: car-client serve / car-client serve /pictures --host 127.0.0.1")(serve)
app.command(
    epilog="Examples: car-client history --model effnet --since 2026-11-30 / car-client history --csv > h.csv"
)(history)
app.command(epilog="Example: car-client review --review s3://pictures/review --out reviewed")(review)
app.command(epilog="Example: car-client bench *.jpg --seconds 10 --workers 4")(bench)
app.command(epilog="Example: car-client healthcheck --port 8080")(healthcheck)


def main() -> None:
    """Run the command; a deliberate error becomes one sentence and its exit code."""
    run_app(app, "car-client")
