"""Guided random bytes for everything that reads what strangers wrote; `make fuzz` runs it."""
