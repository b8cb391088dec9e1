"""The sidecar as an operator needs it: what it says of bucket, versions and changes, checked and followed."""
