"""Checks of the requests of IamService that need nothing but the request.

Each function returns the cleaned value and adds what is wrong to a list, so that a call can tell everything at once.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from clarion.iam.v1 import principals_pb2
from clarion.v1 import error_pb2
from clarion_server.access.iam import arns
from clarion_server.access.iam.builtin import BUILT_IN_POLICIES
from clarion_server.errors import EntityNotFound, FieldViolation
from clarion_server.iam_model import BUILT_IN, PrincipalKind, PrincipalRef
from clarion_server.rpc.validation import required

MAX_NAME = {PrincipalKind.USER: 64, PrincipalKind.GROUP: 128, PrincipalKind.ROLE: 64}
MAX_POLICY_NAME = 128
MAX_DESCRIPTION = 1000
MAX_ARN = 2048
_NAME = re.compile(r"[A-Za-z0-9_+=,.@-]*")
_DESCRIPTION = re.compile(r"[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*")
_KIND_OF_FIELD = {
    "user_name": PrincipalKind.USER,
    "group_name": PrincipalKind.GROUP,
    "role_name": PrincipalKind.ROLE,
}


def malformed(path: str, problem: str) -> FieldViolation:
    """Return the violation of a field that has not the form it must have."""
    return FieldViolation(path, error_pb2.ERROR_REASON_FIELD_MALFORMED, problem)


def too_long(path: str, problem: str) -> FieldViolation:
    """Return the violation of a field that has more than it may."""
    return FieldViolation(path, error_pb2.ERROR_REASON_FIELD_TOO_LONG, problem)


def out_of_range(path: str, problem: str) -> FieldViolation:
    """Return the violation of a field that is too small or too large."""
    return FieldViolation(path, error_pb2.ERROR_REASON_FIELD_OUT_OF_RANGE, problem)


def check_name(path: str, name: str, most: int, violations: list[FieldViolation], *, least: int = 1) -> str:
    """Return a name of AWS's form: `least` to `most` letters, digits and `_+=,.@-`."""
    if not name:
        violations.append(required(path, f"give {least} to {most} characters"))
    elif not least <= len(name) <= most:
        problem = f"has {len(name)} characters; give {least} to {most}"
        violations.append((too_long if len(name) > most else out_of_range)(path, problem))
    elif not _NAME.fullmatch(name):
        violations.append(malformed(path, "has other characters than letters of ASCII, digits and _+=,.@-"))
    return name


def check_ref(
    kind: PrincipalKind, name: str, violations: list[FieldViolation], path: str | None = None
) -> PrincipalRef:
    """Return what names a principal of a kind."""
    return PrincipalRef(kind, check_name(path or f"{kind.word}_name", name, MAX_NAME[kind], violations))


def check_principal(
    principal: principals_pb2.Principal,
    violations: list[FieldViolation],
    *,
    kinds: Sequence[PrincipalKind] = tuple(PrincipalKind),
) -> PrincipalRef:
    """Return what names a principal of one of some kinds."""
    field = principal.WhichOneof("name")
    choices = " or ".join(f"{kind.word}_name" for kind in kinds)
    if field is None:
        violations.append(required("principal", f"give {choices}"))
        return PrincipalRef(PrincipalKind.USER, "")
    kind = _KIND_OF_FIELD[field]
    path = f"principal.{field}"
    if kind not in kinds:
        violations.append(
            FieldViolation(path, error_pb2.ERROR_REASON_FIELD_CONFLICT, f"cannot be given here; give {choices}")
        )
    return check_ref(kind, getattr(principal, field), violations, path)


def check_policy_arn(
    account: str, arn: str, violations: list[FieldViolation], *, path: str = "policy_arn", optional: bool = False
) -> str:
    """Return the key of a managed policy; empty if the ARN may be, and is.

    Raises:
        EntityNotFound: it has the form of an ARN of a policy, and there is surely none.
    """
    if not arn:
        if not optional:
            violations.append(required(path, "give the ARN of a managed policy, as ListPolicies tells it"))
        return ""
    key = None if len(arn) > MAX_ARN else arns.policy_key(account, arn)
    name = "" if key is None else key.removeprefix(BUILT_IN)
    if key is None or not _NAME.fullmatch(name) or len(name) > MAX_POLICY_NAME:
        example = arns.policy_arn(account, "NAME")
        violations.append(malformed(path, f"is not the ARN of a managed policy here; give {example}"))
        return ""
    if not violations and key.startswith(BUILT_IN) and key not in BUILT_IN_POLICIES:
        raise EntityNotFound("there is no built-in policy of this name; ListPolicies tells which there are")
    return key


def check_description(description: str, violations: list[FieldViolation]) -> str:
    """Return a text for people."""
    if len(description) > MAX_DESCRIPTION:
        problem = f"has {len(description)} characters; shorten it to {MAX_DESCRIPTION}"
        violations.append(too_long("description", problem))
    elif not _DESCRIPTION.fullmatch(description):
        violations.append(malformed("description", "has a control character; remove it"))
    return description


def check_duration(path: str, duration: Duration, least: int, most: int, violations: list[FieldViolation]) -> int:
    """Return whole seconds."""
    if duration.nanos:
        violations.append(malformed(path, "is not a number of whole seconds"))
    elif not least <= duration.seconds <= most:
        violations.append(out_of_range(path, f"is out of range; give {least} to {most} seconds"))
    return duration.seconds


def check_moment(path: str, moment: Timestamp, violations: list[FieldViolation]) -> None:
    """Add a violation if a moment is none that has a date."""
    try:
        moment.ToDatetime()
    except (ValueError, OverflowError):
        violations.append(out_of_range(path, "is not a time between the years 1 and 9999"))


def check_ip(path: str, text: str, violations: list[FieldViolation]) -> str:
    """Return an IP address in its usual form, empty for none."""
    if not text:
        return ""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        violations.append(malformed(path, "is not an IPv4 or IPv6 address"))
        return ""


def check_expected_version(version: int | None, violations: list[FieldViolation]) -> int | None:
    """Return the version that the caller expects."""
    if version is not None and version < 1:
        violations.append(out_of_range("expected_version", "is not a version; give the one that Get tells, or nothing"))
    return version


def check_count(path: str, values: Sequence[object], most: int, violations: list[FieldViolation]) -> None:
    """Add a violation if a list has too many entries."""
    if len(values) > most:
        violations.append(too_long(path, f"has {len(values)} entries; give at most {most}"))
