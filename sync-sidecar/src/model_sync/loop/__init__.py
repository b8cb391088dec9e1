"""One thread that looks, plans and acts, and what wakes it."""
