"""Folders of models on their way into the bucket: checked, pushed, and watched until they serve."""
