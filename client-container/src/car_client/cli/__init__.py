"""The command `car-client`: one module a command, and what they share."""

from car_client.cli.app import main

__all__ = ["main"]
