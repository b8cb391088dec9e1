"""The whole platform on a real cluster."""
