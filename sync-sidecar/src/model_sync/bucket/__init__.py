"""What the bucket offers: keys, models, versions, files, and whether an upload is complete. Pure."""
