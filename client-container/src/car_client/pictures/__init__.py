"""Where pictures come from, and the way from a file to a model's input tensor."""
