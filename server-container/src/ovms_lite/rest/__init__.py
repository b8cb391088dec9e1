"""The REST interface: OVMS's routes, each answered from the models."""
