"""A stack that keeps running after the command that started it."""
