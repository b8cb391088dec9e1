"""Model cards and what they name: in the bucket, beside a version, on the volume."""
