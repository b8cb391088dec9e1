"""From what is known of a model to what to do about it. Pure."""
