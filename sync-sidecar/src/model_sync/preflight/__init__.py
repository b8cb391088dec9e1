"""A version is loaded and run in a child process before the model server sees it."""
