"""What whoever keeps a channel should know about its credentials, beyond that they are there."""

from __future__ import annotations

from collections.abc import Collection

from clarion.v1 import channel_pb2
from clarion.v1.channel_pb2 import CredentialKind, CredentialNotice

# Kinds whose provider has shut down what they are for, and the kind that is used in their place where there is one.
_RETIRED = {channel_pb2.CREDENTIAL_KIND_FCM_LEGACY_KEY: channel_pb2.CREDENTIAL_KIND_FCM_SERVICE_ACCOUNT}


def credential_notices(kind: CredentialKind, present: Collection[CredentialKind]) -> list[CredentialNotice]:
    """Return the notices about one credential.

    Args:
        kind: the credential.
        present: all credentials of its channel.
    """
    successor = _RETIRED.get(kind)
    if successor is None:
        return []
    notices: list[CredentialNotice] = [channel_pb2.CREDENTIAL_NOTICE_RETIRED]
    if successor in present:
        notices.append(channel_pb2.CREDENTIAL_NOTICE_NOT_USED)
    return notices
