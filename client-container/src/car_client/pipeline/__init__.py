"""From picture files to classifications: decode, prepare, ask, read, several pictures at once."""
