"""An upload becomes a staged, checked and tried folder; each step can only refuse."""
