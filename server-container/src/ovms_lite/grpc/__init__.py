"""The gRPC interface: the KServe v2 service, its messages, its server."""
