"""Methods of IamService about access keys, sessions of roles, and the caller itself."""

# ruff: noqa: N802, ARG002 - gRPC gives the methods their names and arguments
from __future__ import annotations

from typing import Any

from clarion.iam.v1 import access_keys_pb2, sessions_pb2
from clarion_server.access.iam import arns
from clarion_server.access.iam.documents import check_document, compact, packed_size
from clarion_server.access.iam.sessions import MIN_SECONDS, Caller
from clarion_server.access.policy import PolicyKind
from clarion_server.errors import FieldViolation
from clarion_server.iam_model import PrincipalKind, PrincipalRef
from clarion_server.rpc import validation
from clarion_server.rpc.call import Call
from clarion_server.rpc.iam import checks, messages
from clarion_server.rpc.iam.parts import Part, changes

MAX_SESSION_POLICIES = 10
MAX_SESSION_BYTES = 2560
"""Of a session's policies and tags: as much as surely fits into a token that fits into a request's headers."""
_MAX_SECONDS = 12 * 3600


class SessionMethods(Part):
    """Access keys, sessions, the caller."""

    @changes
    async def CreateAccessKey(
        self, request: access_keys_pb2.CreateAccessKeyRequest, context: Any
    ) -> access_keys_pb2.CreateAccessKeyResponse:
        """See iam.proto."""
        violations: list[FieldViolation] = []
        user = checks.check_ref(PrincipalKind.USER, request.user_name, violations)
        validation.refuse(violations)
        key, secret = await self._keys.create(user.name)
        return access_keys_pb2.CreateAccessKeyResponse(access_key=messages.access_key(key), secret_access_key=secret)

    async def ListAccessKeys(
        self, request: access_keys_pb2.ListAccessKeysRequest, context: Any
    ) -> access_keys_pb2.ListAccessKeysResponse:
        """See iam.proto."""
        violations: list[FieldViolation] = []
        user = checks.check_ref(PrincipalKind.USER, request.user_name, violations)
        validation.refuse(violations)
        keys = await self._store.list_access_keys(user.name)
        return access_keys_pb2.ListAccessKeysResponse(access_keys=map(messages.access_key, keys))

    @changes
    async def UpdateAccessKey(
        self, request: access_keys_pb2.UpdateAccessKeyRequest, context: Any
    ) -> access_keys_pb2.UpdateAccessKeyResponse:
        """See iam.proto."""
        violations: list[FieldViolation] = []
        user = checks.check_ref(PrincipalKind.USER, request.user_name, violations)
        _check_key_id(request.access_key_id, violations)
        if not request.HasField("active"):
            violations.append(validation.required("active", "say whether the key works from now on"))
        validation.refuse(violations)
        key = await self._store.set_access_key_active(user.name, request.access_key_id, active=request.active)
        return access_keys_pb2.UpdateAccessKeyResponse(access_key=messages.access_key(key))

    @changes
    async def DeleteAccessKey(
        self, request: access_keys_pb2.DeleteAccessKeyRequest, context: Any
    ) -> access_keys_pb2.DeleteAccessKeyResponse:
        """See iam.proto."""
        violations: list[FieldViolation] = []
        user = checks.check_ref(PrincipalKind.USER, request.user_name, violations)
        _check_key_id(request.access_key_id, violations)
        validation.refuse(violations)
        await self._store.delete_access_key(user.name, request.access_key_id)
        return access_keys_pb2.DeleteAccessKeyResponse()

    async def AssumeRole(
        self, request: sessions_pb2.AssumeRoleRequest, context: Any
    ) -> sessions_pb2.AssumeRoleResponse:
        """See iam.proto."""
        violations: list[FieldViolation] = []
        if not request.role_arn:
            example = arns.principal_arn(self._account, PrincipalRef(PrincipalKind.ROLE, "NAME"))
            violations.append(validation.required("role_arn", f"give the ARN of a role: {example}"))
        elif len(request.role_arn) > checks.MAX_ARN:
            violations.append(checks.too_long("role_arn", "is too long for an ARN"))
        checks.check_name("session_name", request.session_name, 64, violations, least=2)
        checks.check_count("session_policies", request.session_policies, MAX_SESSION_POLICIES, violations)
        for number, document in enumerate(request.session_policies[:MAX_SESSION_POLICIES]):
            check_document(document, PolicyKind.SESSION, f"session_policies[{number}]", violations)
        seconds = None
        if request.HasField("duration"):
            seconds = checks.check_duration("duration", request.duration, MIN_SECONDS, _MAX_SECONDS, violations)
        tags = validation.check_tags(request.tags, violations)
        policies: tuple[str, ...] = ()
        if not violations:
            policies = tuple(map(compact, request.session_policies))
            size = packed_size(policies, tags)
            if size > MAX_SESSION_BYTES:
                problem = f"take {size} bytes together with tags; {MAX_SESSION_BYTES} fit into a token"
                violations.append(checks.too_long("session_policies", problem))
        validation.refuse(violations)
        call: Call = context
        session = await self._sessions.assume(
            Caller(call.identity, call.source_ip, call.secure_transport),
            request.role_arn,
            request.session_name,
            policies=policies,
            seconds=seconds,
            tags=tags,
        )
        return sessions_pb2.AssumeRoleResponse(
            token=session.token, expire_time=session.expire_time, assumed_role_arn=session.arn
        )

    async def GetCallerIdentity(
        self, request: sessions_pb2.GetCallerIdentityRequest, context: Any
    ) -> sessions_pb2.GetCallerIdentityResponse:
        """See iam.proto."""
        call: Call = context
        identity = call.identity
        return sessions_pb2.GetCallerIdentityResponse(
            arn=identity.arn,
            account=identity.account,
            kind=identity.kind.value,
            name=identity.name,
            session_name=identity.session_name,
            credential=identity.credential.value,
            credential_id=identity.credential_id,
            tags=identity.tags,
            expire_time=identity.expire_time,
        )


def _check_key_id(key_id: str, violations: list[FieldViolation]) -> None:
    if not key_id:
        violations.append(validation.required("access_key_id", "give the id of an access key"))
    elif len(key_id) > 128:
        violations.append(checks.too_long("access_key_id", "is too long for the id of an access key"))
