"""An upload becomes a checked folder in staging; each step can only refuse."""
