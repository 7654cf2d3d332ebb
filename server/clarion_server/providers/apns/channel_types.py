"""Which of APNs' channel types are which."""

from __future__ import annotations

from clarion.v1 import channel_pb2

PRODUCTION_TYPES = frozenset({channel_pb2.CHANNEL_TYPE_APNS, channel_pb2.CHANNEL_TYPE_APNS_VOIP})
VOIP_TYPES = frozenset({channel_pb2.CHANNEL_TYPE_APNS_VOIP, channel_pb2.CHANNEL_TYPE_APNS_VOIP_SANDBOX})
