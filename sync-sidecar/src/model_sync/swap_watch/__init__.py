"""Whether a version that has just begun to answer does worse than the one before. Pure."""
