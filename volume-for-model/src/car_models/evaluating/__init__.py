"""Running versions on this machine: what they say of pictures, how fast they are, how two of them compare."""
