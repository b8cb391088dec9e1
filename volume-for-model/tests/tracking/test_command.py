"""The command where MLflow is not installed."""

import subprocess
import sys

_WITHOUT_MLFLOW = (
    "import sys; sys.modules['mlflow'] = None; sys.argv = ['car-models', *sys.argv[1:]]; "
    "from car_models.cli import main; main()"
)


def test_without_mlflow_it_says_how_to_install_it() -> None:
    command = [sys.executable, "-c", _WITHOUT_MLFLOW, "promote", "models:/cars@champion"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 78
    assert done.stderr.startswith("car-models: MLflow is not installed here")
    assert done.stderr.endswith("run: pip install './volume-for-model[mlflow]'\n")
