"""What is served: versions and their states, requests run through them, counts."""
