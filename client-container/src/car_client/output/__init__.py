"""What is told about classifications and models: to people, to programs, to files and buckets."""
