"""The gRPC side: the only package that knows grpc. It converts and checks, and calls what lies below."""
