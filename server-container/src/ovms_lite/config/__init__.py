"""What is asked to be served: config.json, read when it changes."""
