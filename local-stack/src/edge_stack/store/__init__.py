"""The S3 store that the stack starts: a real MinIO where there is one, else moto's."""
