"""The notebook's own code: the platform it talks to, its charts, and its headless run."""
