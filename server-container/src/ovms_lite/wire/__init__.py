"""What requests and answers look like: tensors, JSON, pictures, KServe v2 and TensorFlow Serving. Pure."""
