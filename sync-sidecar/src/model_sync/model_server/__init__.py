"""The model server: what it is told to serve, and what it says it serves."""
