"""What the components share: errors, logs, quantities, model cards, atomic files, served states, HTTP."""

import os

# pydantic else reads the entry points of every installed package before its first model: 30 ms of each start
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
