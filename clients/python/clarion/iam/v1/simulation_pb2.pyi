import datetime
from clarion.iam.v1 import principals_pb2 as _principals_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PolicyKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    POLICY_KIND_UNSPECIFIED: _ClassVar[PolicyKind]
    POLICY_KIND_IDENTITY: _ClassVar[PolicyKind]
    POLICY_KIND_RESOURCE: _ClassVar[PolicyKind]
    POLICY_KIND_TRUST: _ClassVar[PolicyKind]
    POLICY_KIND_SERVICE_CONTROL: _ClassVar[PolicyKind]
    POLICY_KIND_ENDPOINT: _ClassVar[PolicyKind]
    POLICY_KIND_PERMISSIONS_BOUNDARY: _ClassVar[PolicyKind]
    POLICY_KIND_SESSION: _ClassVar[PolicyKind]

class PolicyDecision(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    POLICY_DECISION_UNSPECIFIED: _ClassVar[PolicyDecision]
    POLICY_DECISION_ALLOWED: _ClassVar[PolicyDecision]
    POLICY_DECISION_EXPLICIT_DENY: _ClassVar[PolicyDecision]
    POLICY_DECISION_IMPLICIT_DENY: _ClassVar[PolicyDecision]

class FindingSeverity(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FINDING_SEVERITY_UNSPECIFIED: _ClassVar[FindingSeverity]
    FINDING_SEVERITY_ERROR: _ClassVar[FindingSeverity]
    FINDING_SEVERITY_SECURITY_WARNING: _ClassVar[FindingSeverity]
    FINDING_SEVERITY_WARNING: _ClassVar[FindingSeverity]
    FINDING_SEVERITY_SUGGESTION: _ClassVar[FindingSeverity]
POLICY_KIND_UNSPECIFIED: PolicyKind
POLICY_KIND_IDENTITY: PolicyKind
POLICY_KIND_RESOURCE: PolicyKind
POLICY_KIND_TRUST: PolicyKind
POLICY_KIND_SERVICE_CONTROL: PolicyKind
POLICY_KIND_ENDPOINT: PolicyKind
POLICY_KIND_PERMISSIONS_BOUNDARY: PolicyKind
POLICY_KIND_SESSION: PolicyKind
POLICY_DECISION_UNSPECIFIED: PolicyDecision
POLICY_DECISION_ALLOWED: PolicyDecision
POLICY_DECISION_EXPLICIT_DENY: PolicyDecision
POLICY_DECISION_IMPLICIT_DENY: PolicyDecision
FINDING_SEVERITY_UNSPECIFIED: FindingSeverity
FINDING_SEVERITY_ERROR: FindingSeverity
FINDING_SEVERITY_SECURITY_WARNING: FindingSeverity
FINDING_SEVERITY_WARNING: FindingSeverity
FINDING_SEVERITY_SUGGESTION: FindingSeverity

class SimulationContext(_message.Message):
    __slots__ = ("source_ip", "secure_transport", "time", "resource_tags", "request_tags", "principal_tags", "multi_factor_auth")
    class ResourceTagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class RequestTagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class PrincipalTagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    SOURCE_IP_FIELD_NUMBER: _ClassVar[int]
    SECURE_TRANSPORT_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_TAGS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_TAGS_FIELD_NUMBER: _ClassVar[int]
    PRINCIPAL_TAGS_FIELD_NUMBER: _ClassVar[int]
    MULTI_FACTOR_AUTH_FIELD_NUMBER: _ClassVar[int]
    source_ip: str
    secure_transport: bool
    time: _timestamp_pb2.Timestamp
    resource_tags: _containers.ScalarMap[str, str]
    request_tags: _containers.ScalarMap[str, str]
    principal_tags: _containers.ScalarMap[str, str]
    multi_factor_auth: bool
    def __init__(self, source_ip: _Optional[str] = ..., secure_transport: bool = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., resource_tags: _Optional[_Mapping[str, str]] = ..., request_tags: _Optional[_Mapping[str, str]] = ..., principal_tags: _Optional[_Mapping[str, str]] = ..., multi_factor_auth: bool = ...) -> None: ...

class SimulatePolicyRequest(_message.Message):
    __slots__ = ("principal", "documents", "permissions_boundary", "resource_policy", "actions", "resources", "context")
    PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    DOCUMENTS_FIELD_NUMBER: _ClassVar[int]
    PERMISSIONS_BOUNDARY_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_POLICY_FIELD_NUMBER: _ClassVar[int]
    ACTIONS_FIELD_NUMBER: _ClassVar[int]
    RESOURCES_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    principal: _principals_pb2.Principal
    documents: _containers.RepeatedScalarFieldContainer[str]
    permissions_boundary: str
    resource_policy: str
    actions: _containers.RepeatedScalarFieldContainer[str]
    resources: _containers.RepeatedScalarFieldContainer[str]
    context: SimulationContext
    def __init__(self, principal: _Optional[_Union[_principals_pb2.Principal, _Mapping]] = ..., documents: _Optional[_Iterable[str]] = ..., permissions_boundary: _Optional[str] = ..., resource_policy: _Optional[str] = ..., actions: _Optional[_Iterable[str]] = ..., resources: _Optional[_Iterable[str]] = ..., context: _Optional[_Union[SimulationContext, _Mapping]] = ...) -> None: ...

class MatchedStatement(_message.Message):
    __slots__ = ("policy_kind", "policy", "sid", "index", "effect")
    POLICY_KIND_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    SID_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    EFFECT_FIELD_NUMBER: _ClassVar[int]
    policy_kind: PolicyKind
    policy: str
    sid: str
    index: int
    effect: str
    def __init__(self, policy_kind: _Optional[_Union[PolicyKind, str]] = ..., policy: _Optional[str] = ..., sid: _Optional[str] = ..., index: _Optional[int] = ..., effect: _Optional[str] = ...) -> None: ...

class SimulationResult(_message.Message):
    __slots__ = ("action", "resource", "decision", "explanation", "matched_statements")
    ACTION_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_FIELD_NUMBER: _ClassVar[int]
    DECISION_FIELD_NUMBER: _ClassVar[int]
    EXPLANATION_FIELD_NUMBER: _ClassVar[int]
    MATCHED_STATEMENTS_FIELD_NUMBER: _ClassVar[int]
    action: str
    resource: str
    decision: PolicyDecision
    explanation: str
    matched_statements: _containers.RepeatedCompositeFieldContainer[MatchedStatement]
    def __init__(self, action: _Optional[str] = ..., resource: _Optional[str] = ..., decision: _Optional[_Union[PolicyDecision, str]] = ..., explanation: _Optional[str] = ..., matched_statements: _Optional[_Iterable[_Union[MatchedStatement, _Mapping]]] = ...) -> None: ...

class SimulatePolicyResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[SimulationResult]
    def __init__(self, results: _Optional[_Iterable[_Union[SimulationResult, _Mapping]]] = ...) -> None: ...

class ValidatePolicyRequest(_message.Message):
    __slots__ = ("document", "kind")
    DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    document: str
    kind: PolicyKind
    def __init__(self, document: _Optional[str] = ..., kind: _Optional[_Union[PolicyKind, str]] = ...) -> None: ...

class Finding(_message.Message):
    __slots__ = ("severity", "code", "path", "message", "remedy")
    SEVERITY_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    REMEDY_FIELD_NUMBER: _ClassVar[int]
    severity: FindingSeverity
    code: str
    path: str
    message: str
    remedy: str
    def __init__(self, severity: _Optional[_Union[FindingSeverity, str]] = ..., code: _Optional[str] = ..., path: _Optional[str] = ..., message: _Optional[str] = ..., remedy: _Optional[str] = ...) -> None: ...

class ValidatePolicyResponse(_message.Message):
    __slots__ = ("findings",)
    FINDINGS_FIELD_NUMBER: _ClassVar[int]
    findings: _containers.RepeatedCompositeFieldContainer[Finding]
    def __init__(self, findings: _Optional[_Iterable[_Union[Finding, _Mapping]]] = ...) -> None: ...
