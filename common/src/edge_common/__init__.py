"""What the components share: errors, logs, quantities, model cards, atomic files, served states, HTTP."""
