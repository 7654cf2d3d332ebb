"""The condition keys of this server: what a policy can ask about a request. Names are compared without regard to case.

They are AWS's global keys, with AWS's meaning, as far as a request here has them. A key that is not in this table, or
has no value in a request, is absent.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from clarion_server.access.policy.text import Getter
from clarion_server.access_model import AccessRequest, CredentialType, IdentityKind


class ValueType(enum.Enum):
    """What the values of a key are."""

    STRING = "String"
    NUMERIC = "Numeric"
    DATE = "Date"
    BOOL = "Bool"
    BINARY = "Binary"
    IP_ADDRESS = "IpAddress"
    ARN = "Arn"


@dataclass(frozen=True, slots=True)
class Key:
    """A condition key.

    Attributes:
        name: in AWS's spelling; one of a tag ends in `/`.
        type: of its values.
        meaning: for people.
        get: its value, for a key with one value.
        get_many: its values, for a key with several.
    """

    name: str
    type: ValueType
    meaning: str
    get: Getter | None = None
    get_many: Callable[[AccessRequest], Sequence[str] | None] | None = None


def principal_arn(request: AccessRequest) -> str | None:
    """Return the ARN of the principal; of a role's session, the role's."""
    identity = request.identity
    if identity.kind is IdentityKind.ASSUMED_ROLE:
        return f"arn:{_segment(identity.arn, 1)}:iam::{identity.account}:role/{identity.name}"
    return None if identity.kind is IdentityKind.ANONYMOUS else identity.arn


def account_of(arn: str) -> str:
    """Return the account of an ARN, empty if it has none."""
    return _segment(arn, 4)


def _segment(arn: str, index: int) -> str:
    parts = arn.split(":", 5)
    return parts[index] if len(parts) == 6 else ""


def _username(request: AccessRequest) -> str | None:
    return request.identity.name if request.identity.kind is IdentityKind.USER else None


def _mfa(request: AccessRequest) -> str | None:
    """As in AWS the key is absent with credentials that are not temporary."""
    identity = request.identity
    lasting = identity.credential in (CredentialType.ACCESS_KEY, CredentialType.CLIENT_CERTIFICATE, CredentialType.NONE)
    if lasting and identity.kind is not IdentityKind.ASSUMED_ROLE and not identity.mfa:
        return None
    return _bool(identity.mfa)


def _bool(value: bool) -> str:  # noqa: FBT001 - it is the value
    return "true" if value else "false"


_S, _D, _B, _A = ValueType.STRING, ValueType.DATE, ValueType.BOOL, ValueType.ARN

_PLAIN = (
    Key(
        "aws:SourceIp", ValueType.IP_ADDRESS, "address of the caller; absent over a Unix socket", lambda r: r.source_ip
    ),
    Key("aws:SecureTransport", _B, "whether the call came over TLS", lambda r: _bool(r.secure_transport)),
    Key("aws:CurrentTime", _D, "when the call came", lambda r: r.time.isoformat()),
    Key("aws:EpochTime", _D, "the same, in seconds since 1970", lambda r: str(int(r.time.timestamp()))),
    Key("aws:PrincipalArn", _A, "ARN of the principal; of a role's session, the role's", principal_arn),
    Key("aws:PrincipalAccount", _S, "account of the principal", lambda r: r.identity.account),
    Key(
        "aws:PrincipalType",
        _S,
        "`User`, `AssumedRole`, `FederatedUser`, `Certificate` or `Anonymous`",
        lambda r: r.identity.kind.value,
    ),
    Key("aws:username", _S, "name of the user; absent for other principals", _username),
    Key(
        "aws:MultiFactorAuthPresent",
        _B,
        "whether the issuer says that a second factor was used; absent with an access key or certificate",
        _mfa,
    ),
    Key("aws:ResourceAccount", _S, "account in the resource's ARN", lambda r: account_of(r.resource)),
    Key("aws:RequestedRegion", _S, "region in the resource's ARN", lambda r: _segment(r.resource, 3)),
    Key("aws:TagKeys", _S, "keys of the tags in the request", get_many=lambda r: sorted(r.request_tags) or None),
)
_TAGS = (
    Key("aws:PrincipalTag/", _S, "value of that tag of the principal or its session"),
    Key("aws:ResourceTag/", _S, "value of that tag of the resource; a channel has its app's"),
    Key("aws:RequestTag/", _S, "value of that tag in the request"),
)

KEYS: Mapping[str, Key] = {key.name.lower(): key for key in (*_PLAIN, *_TAGS)}
"""By name in lower case. The keys of tags end in `/`, and the tag's key follows."""


def find_key(name: str) -> Key | None:
    """Return the condition key of this name, None if there is none. The key of a tag gets a getter for that tag."""
    folded = name.lower()
    prefix, slash, _ = folded.partition("/")
    if not slash:
        key = KEYS.get(folded)
        return None if key is None else Key(key.name, key.type, key.meaning, _non_empty(key.get), key.get_many)
    key = KEYS.get(prefix + "/")
    tag = name[len(prefix) + 1 :]
    if key is None or not tag:
        return None
    tags = _tags_of(key.name)
    return Key(key.name + tag, key.type, key.meaning, lambda request: _tag(tags(request), tag))


def variable(name: str) -> Getter | None:
    """Return the getter of a policy variable, None if there is no such key with a single value."""
    key = find_key(name)
    return None if key is None else key.get


def _non_empty(get: Getter | None) -> Getter | None:
    return None if get is None else lambda request: get(request) or None


def _tags_of(name: str) -> Callable[[AccessRequest], Mapping[str, str]]:
    if name == "aws:PrincipalTag/":
        return lambda request: request.identity.tags
    if name == "aws:ResourceTag/":
        return lambda request: request.resource_tags
    return lambda request: request.request_tags


def _tag(tags: Mapping[str, str], wanted: str) -> str | None:
    """Return the value of a tag.

    Its key in the same case is preferred; else the first, in order, that differs only in case.
    """
    if not tags:
        return None
    if (value := tags.get(wanted)) is not None:
        return value
    folded = wanted.lower()
    return next((tags[key] for key in sorted(tags) if key.lower() == folded), None)
