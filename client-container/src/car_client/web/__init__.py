"""The page, the API behind it, and what probes and Prometheus read."""
