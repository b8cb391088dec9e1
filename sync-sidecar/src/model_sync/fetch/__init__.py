"""An upload becomes a staged, verified and tried folder."""
