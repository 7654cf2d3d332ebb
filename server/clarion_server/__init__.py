"""Clarion: a self-hosted push gateway that speaks gRPC to its callers and HTTP/2 to APNs and FCM."""
