"""Settings that let a test see in seconds what takes minutes in a factory, and a server as small as any."""

QUICK = {"POLL_INTERVAL": "500ms", "SETTLE": "1s", "DELETE_GRACE": "1s", "HOLD": "3s"}

TWO_THREADS = ("--rest_workers", "2")
"""As many as OVMS has on two cores, so that its status waits behind its inferences."""
