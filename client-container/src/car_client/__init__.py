"""Discovers the models of a KServe v2 server and classifies cars with them."""
