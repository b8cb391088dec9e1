import subprocess
import sys


def test_using_the_package_neither_loads_nor_starts_the_reporter() -> None:
    code = (
        "import sys, threading, car_models.evaluating.classifier\n"
        "assert 'openvino' in sys.modules\n"
        "print([n for n in sys.modules if n.startswith('openvino_telemetry.')], threading.active_count())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "[] 1\n", done.stderr
