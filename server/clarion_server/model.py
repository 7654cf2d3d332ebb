"""The things that Clarion stores, as the rest of the server sees them.

Messages, targets and results have no classes of their own here: the generated protobuf classes of `clarion.v1` are
their data model, from the wire to the providers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from clarion.v1.channel_pb2 import ApnsConfig, ChannelType, CredentialKind, FcmConfig


@dataclass(frozen=True, slots=True)
class App:
    """A tenant.

    Attributes:
        id: 32 lower-case hexadecimal digits.
        name: 1 to 64 characters.
        tags: at most 50.
        create_time: aware, UTC.
        update_time: aware, UTC.
    """

    id: str
    name: str
    tags: Mapping[str, str]
    create_time: datetime
    update_time: datetime


@dataclass(frozen=True, slots=True)
class Credential:
    """A credential that was read and found good.

    Attributes:
        kind: which one it is.
        public_id: the part that is no secret (key id, e-mail address, …).
        fingerprint: 64 lower-case hexadecimal digits; equal for equal credentials.
        secret: what the provider's code needs to use it, in a form that only that code knows. Encrypted before it is
            stored, never shown.
        expire_time: when it stops working (aware, UTC), None if never.
        team_id: Apple developer team of a signing key, else empty.
        update_time: when it was given (aware, UTC); set when the channel is changed.
    """

    kind: CredentialKind
    public_id: str
    fingerprint: str
    secret: bytes = field(repr=False)
    expire_time: datetime | None = None
    team_id: str = ""
    update_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel of an app, credentials included.

    Attributes:
        app_id: the app that holds it.
        type: provider and environment.
        enabled: whether it may send.
        config: settings that are no secret; None for providers that have none.
        credentials: by kind.
        version: grows with each change, and is never used twice for the same app and type.
        create_time: aware, UTC.
        update_time: aware, UTC.
        updated_by: ARN of a principal, or `anonymous`.
    """

    app_id: str
    type: ChannelType
    enabled: bool
    config: ApnsConfig | FcmConfig | None
    credentials: Mapping[CredentialKind, Credential]
    version: int
    create_time: datetime
    update_time: datetime
    updated_by: str


def utc_now() -> datetime:
    """Return the time, aware, in UTC."""
    return datetime.now(UTC)
