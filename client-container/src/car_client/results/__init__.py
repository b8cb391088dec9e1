"""Where results of `watch` and `serve` go besides the log: JSON lines, CSV, the bucket."""
