"""Models on the disk: found in folders, understood, loaded and compiled."""
