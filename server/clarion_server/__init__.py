"""Clarion: a self-hosted push gateway that speaks gRPC to its callers and HTTP to the providers."""
