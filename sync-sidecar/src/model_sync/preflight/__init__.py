"""A trial of a version in a child process, before the model server sees it."""
