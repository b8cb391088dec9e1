"""The S3 store: listing, reading and writing objects."""
