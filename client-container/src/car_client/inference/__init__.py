"""Pictures and a model in, verdicts out."""
