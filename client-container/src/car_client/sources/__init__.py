"""Where pictures come from: folders, buckets, cameras, addresses; each offers frames until acknowledged."""
