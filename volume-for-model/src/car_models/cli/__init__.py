"""The command `car-models`: one module a command, and what they share."""

from car_models.cli.app import main

__all__ = ["main"]
