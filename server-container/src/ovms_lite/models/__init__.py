"""Models and versions: found in folders, loaded, run, listed and counted."""
