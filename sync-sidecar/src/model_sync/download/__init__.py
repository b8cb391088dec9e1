"""Objects on their way from the store to the volume: resumable, checked by digest, whole or not at all."""
