"""Builds, checks and packages car classification models."""

from car_models import no_telemetry as no_telemetry
