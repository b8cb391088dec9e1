"""Somebody who may upload, or send, does their worst; the models of others go on as if nothing were."""
