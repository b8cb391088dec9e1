"""The shared volume and the record of what is on it."""
