"""Builds, checks and packages car classification models."""
