"""From what is asked to what is served: which versions to load and retire, and doing it."""
