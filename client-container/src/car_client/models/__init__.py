"""What the server's models are: asked from server and sidecar, held against each other, and followed."""
