"""The web interface, over real HTTP."""
