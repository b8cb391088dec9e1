"""Mirrors a bucket of models onto a volume and tells the model server what to serve."""
