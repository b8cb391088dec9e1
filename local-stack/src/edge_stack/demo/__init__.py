"""The demonstration: a finite run through everything the platform promises, with a verdict on each claim."""
