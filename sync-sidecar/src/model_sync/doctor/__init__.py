"""The likely mistakes in settings, volume, store and server, each with what to do about it."""
