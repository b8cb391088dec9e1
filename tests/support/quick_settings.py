"""Settings of model-sync that let a test see in seconds what takes minutes in a factory."""

QUICK = {"POLL_INTERVAL": "500ms", "SETTLE": "1s", "DELETE_GRACE": "1s", "HOLD": "3s"}
