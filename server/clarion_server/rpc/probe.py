"""Asks a running server for its health, as a container's health check does."""

from __future__ import annotations

from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc


def is_serving(address: str, timeout: float) -> bool:
    """Return whether the server at `address` says within `timeout` seconds that it is serving."""
    with grpc.insecure_channel(address) as channel:
        try:
            # The type stubs of this package leave the methods of its stub out.
            stub: Any = health_pb2_grpc.HealthStub(channel)
            answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=timeout)
        except grpc.RpcError:
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)
