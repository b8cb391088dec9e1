"""Who made a version: signatures in the OpenSSF Model Signing format, checked and made without a network."""
