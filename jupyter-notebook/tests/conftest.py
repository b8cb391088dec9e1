"""What holds for all tests that use MLflow."""

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Warnings are errors; those that MLflow's own code earns are not ours to mend."""
    config.addinivalue_line("filterwarnings", "ignore::DeprecationWarning:sqlalchemy")
    config.addinivalue_line("filterwarnings", "ignore::DeprecationWarning:mlflow")
