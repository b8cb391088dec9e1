"""The operator's place: what became of every upload, from bucket to client, and what to do next."""
