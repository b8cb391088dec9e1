"""What a person and a machine are told of it all."""
