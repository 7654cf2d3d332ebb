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

class PolicyScope(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    POLICY_SCOPE_UNSPECIFIED: _ClassVar[PolicyScope]
    POLICY_SCOPE_LOCAL: _ClassVar[PolicyScope]
    POLICY_SCOPE_BUILT_IN: _ClassVar[PolicyScope]

class AccountPolicyKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ACCOUNT_POLICY_KIND_UNSPECIFIED: _ClassVar[AccountPolicyKind]
    ACCOUNT_POLICY_KIND_SERVICE_CONTROL: _ClassVar[AccountPolicyKind]
    ACCOUNT_POLICY_KIND_ENDPOINT: _ClassVar[AccountPolicyKind]

class PolicyUse(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    POLICY_USE_UNSPECIFIED: _ClassVar[PolicyUse]
    POLICY_USE_ATTACHED: _ClassVar[PolicyUse]
    POLICY_USE_PERMISSIONS_BOUNDARY: _ClassVar[PolicyUse]
POLICY_SCOPE_UNSPECIFIED: PolicyScope
POLICY_SCOPE_LOCAL: PolicyScope
POLICY_SCOPE_BUILT_IN: PolicyScope
ACCOUNT_POLICY_KIND_UNSPECIFIED: AccountPolicyKind
ACCOUNT_POLICY_KIND_SERVICE_CONTROL: AccountPolicyKind
ACCOUNT_POLICY_KIND_ENDPOINT: AccountPolicyKind
POLICY_USE_UNSPECIFIED: PolicyUse
POLICY_USE_ATTACHED: PolicyUse
POLICY_USE_PERMISSIONS_BOUNDARY: PolicyUse

class ManagedPolicy(_message.Message):
    __slots__ = ("name", "id", "arn", "description", "document", "built_in", "create_time", "update_time", "version")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    ARN_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    BUILT_IN_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    name: str
    id: str
    arn: str
    description: str
    document: str
    built_in: bool
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    version: int
    def __init__(self, name: _Optional[str] = ..., id: _Optional[str] = ..., arn: _Optional[str] = ..., description: _Optional[str] = ..., document: _Optional[str] = ..., built_in: bool = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., version: _Optional[int] = ...) -> None: ...

class InlinePolicy(_message.Message):
    __slots__ = ("name", "document")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    name: str
    document: str
    def __init__(self, name: _Optional[str] = ..., document: _Optional[str] = ...) -> None: ...

class PolicyPrincipal(_message.Message):
    __slots__ = ("principal", "use")
    PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    USE_FIELD_NUMBER: _ClassVar[int]
    principal: _principals_pb2.Principal
    use: PolicyUse
    def __init__(self, principal: _Optional[_Union[_principals_pb2.Principal, _Mapping]] = ..., use: _Optional[_Union[PolicyUse, str]] = ...) -> None: ...

class CreatePolicyRequest(_message.Message):
    __slots__ = ("policy_name", "document", "description")
    POLICY_NAME_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    policy_name: str
    document: str
    description: str
    def __init__(self, policy_name: _Optional[str] = ..., document: _Optional[str] = ..., description: _Optional[str] = ...) -> None: ...

class CreatePolicyResponse(_message.Message):
    __slots__ = ("policy",)
    POLICY_FIELD_NUMBER: _ClassVar[int]
    policy: ManagedPolicy
    def __init__(self, policy: _Optional[_Union[ManagedPolicy, _Mapping]] = ...) -> None: ...

class GetPolicyRequest(_message.Message):
    __slots__ = ("policy_arn",)
    POLICY_ARN_FIELD_NUMBER: _ClassVar[int]
    policy_arn: str
    def __init__(self, policy_arn: _Optional[str] = ...) -> None: ...

class GetPolicyResponse(_message.Message):
    __slots__ = ("policy",)
    POLICY_FIELD_NUMBER: _ClassVar[int]
    policy: ManagedPolicy
    def __init__(self, policy: _Optional[_Union[ManagedPolicy, _Mapping]] = ...) -> None: ...

class ListPoliciesRequest(_message.Message):
    __slots__ = ("scope", "page_size", "page_token")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    scope: PolicyScope
    page_size: int
    page_token: str
    def __init__(self, scope: _Optional[_Union[PolicyScope, str]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListPoliciesResponse(_message.Message):
    __slots__ = ("policies", "next_page_token")
    POLICIES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    policies: _containers.RepeatedCompositeFieldContainer[ManagedPolicy]
    next_page_token: str
    def __init__(self, policies: _Optional[_Iterable[_Union[ManagedPolicy, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class UpdatePolicyRequest(_message.Message):
    __slots__ = ("policy_arn", "document", "description", "expected_version")
    POLICY_ARN_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_VERSION_FIELD_NUMBER: _ClassVar[int]
    policy_arn: str
    document: str
    description: str
    expected_version: int
    def __init__(self, policy_arn: _Optional[str] = ..., document: _Optional[str] = ..., description: _Optional[str] = ..., expected_version: _Optional[int] = ...) -> None: ...

class UpdatePolicyResponse(_message.Message):
    __slots__ = ("policy",)
    POLICY_FIELD_NUMBER: _ClassVar[int]
    policy: ManagedPolicy
    def __init__(self, policy: _Optional[_Union[ManagedPolicy, _Mapping]] = ...) -> None: ...

class DeletePolicyRequest(_message.Message):
    __slots__ = ("policy_arn",)
    POLICY_ARN_FIELD_NUMBER: _ClassVar[int]
    policy_arn: str
    def __init__(self, policy_arn: _Optional[str] = ...) -> None: ...

class DeletePolicyResponse(_message.Message):
    __slots__ = ("policy",)
    POLICY_FIELD_NUMBER: _ClassVar[int]
    policy: ManagedPolicy
    def __init__(self, policy: _Optional[_Union[ManagedPolicy, _Mapping]] = ...) -> None: ...

class AttachPolicyRequest(_message.Message):
    __slots__ = ("principal", "policy_arn")
    PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    POLICY_ARN_FIELD_NUMBER: _ClassVar[int]
    principal: _principals_pb2.Principal
    policy_arn: str
    def __init__(self, principal: _Optional[_Union[_principals_pb2.Principal, _Mapping]] = ..., policy_arn: _Optional[str] = ...) -> None: ...

class AttachPolicyResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DetachPolicyRequest(_message.Message):
    __slots__ = ("principal", "policy_arn")
    PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    POLICY_ARN_FIELD_NUMBER: _ClassVar[int]
    principal: _principals_pb2.Principal
    policy_arn: str
    def __init__(self, principal: _Optional[_Union[_principals_pb2.Principal, _Mapping]] = ..., policy_arn: _Optional[str] = ...) -> None: ...

class DetachPolicyResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListAttachedPoliciesRequest(_message.Message):
    __slots__ = ("principal",)
    PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    principal: _principals_pb2.Principal
    def __init__(self, principal: _Optional[_Union[_principals_pb2.Principal, _Mapping]] = ...) -> None: ...

class ListAttachedPoliciesResponse(_message.Message):
    __slots__ = ("policy_arns",)
    POLICY_ARNS_FIELD_NUMBER: _ClassVar[int]
    policy_arns: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, policy_arns: _Optional[_Iterable[str]] = ...) -> None: ...

class ListPolicyPrincipalsRequest(_message.Message):
    __slots__ = ("policy_arn", "page_size", "page_token")
    POLICY_ARN_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    policy_arn: str
    page_size: int
    page_token: str
    def __init__(self, policy_arn: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListPolicyPrincipalsResponse(_message.Message):
    __slots__ = ("principals", "next_page_token")
    PRINCIPALS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    principals: _containers.RepeatedCompositeFieldContainer[PolicyPrincipal]
    next_page_token: str
    def __init__(self, principals: _Optional[_Iterable[_Union[PolicyPrincipal, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class PutInlinePolicyRequest(_message.Message):
    __slots__ = ("principal", "policy_name", "document")
    PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    POLICY_NAME_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    principal: _principals_pb2.Principal
    policy_name: str
    document: str
    def __init__(self, principal: _Optional[_Union[_principals_pb2.Principal, _Mapping]] = ..., policy_name: _Optional[str] = ..., document: _Optional[str] = ...) -> None: ...

class PutInlinePolicyResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DeleteInlinePolicyRequest(_message.Message):
    __slots__ = ("principal", "policy_name")
    PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    POLICY_NAME_FIELD_NUMBER: _ClassVar[int]
    principal: _principals_pb2.Principal
    policy_name: str
    def __init__(self, principal: _Optional[_Union[_principals_pb2.Principal, _Mapping]] = ..., policy_name: _Optional[str] = ...) -> None: ...

class DeleteInlinePolicyResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListInlinePoliciesRequest(_message.Message):
    __slots__ = ("principal",)
    PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    principal: _principals_pb2.Principal
    def __init__(self, principal: _Optional[_Union[_principals_pb2.Principal, _Mapping]] = ...) -> None: ...

class ListInlinePoliciesResponse(_message.Message):
    __slots__ = ("policies",)
    POLICIES_FIELD_NUMBER: _ClassVar[int]
    policies: _containers.RepeatedCompositeFieldContainer[InlinePolicy]
    def __init__(self, policies: _Optional[_Iterable[_Union[InlinePolicy, _Mapping]]] = ...) -> None: ...

class PutPermissionsBoundaryRequest(_message.Message):
    __slots__ = ("principal", "policy_arn")
    PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    POLICY_ARN_FIELD_NUMBER: _ClassVar[int]
    principal: _principals_pb2.Principal
    policy_arn: str
    def __init__(self, principal: _Optional[_Union[_principals_pb2.Principal, _Mapping]] = ..., policy_arn: _Optional[str] = ...) -> None: ...

class PutPermissionsBoundaryResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DeletePermissionsBoundaryRequest(_message.Message):
    __slots__ = ("principal",)
    PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    principal: _principals_pb2.Principal
    def __init__(self, principal: _Optional[_Union[_principals_pb2.Principal, _Mapping]] = ...) -> None: ...

class DeletePermissionsBoundaryResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class PutAccountPolicyRequest(_message.Message):
    __slots__ = ("kind", "document")
    KIND_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    kind: AccountPolicyKind
    document: str
    def __init__(self, kind: _Optional[_Union[AccountPolicyKind, str]] = ..., document: _Optional[str] = ...) -> None: ...

class PutAccountPolicyResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetAccountPolicyRequest(_message.Message):
    __slots__ = ("kind",)
    KIND_FIELD_NUMBER: _ClassVar[int]
    kind: AccountPolicyKind
    def __init__(self, kind: _Optional[_Union[AccountPolicyKind, str]] = ...) -> None: ...

class GetAccountPolicyResponse(_message.Message):
    __slots__ = ("document", "update_time")
    DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    document: str
    update_time: _timestamp_pb2.Timestamp
    def __init__(self, document: _Optional[str] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class DeleteAccountPolicyRequest(_message.Message):
    __slots__ = ("kind",)
    KIND_FIELD_NUMBER: _ClassVar[int]
    kind: AccountPolicyKind
    def __init__(self, kind: _Optional[_Union[AccountPolicyKind, str]] = ...) -> None: ...

class DeleteAccountPolicyResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class PutAppPolicyRequest(_message.Message):
    __slots__ = ("app_id", "document")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    document: str
    def __init__(self, app_id: _Optional[str] = ..., document: _Optional[str] = ...) -> None: ...

class PutAppPolicyResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetAppPolicyRequest(_message.Message):
    __slots__ = ("app_id",)
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    def __init__(self, app_id: _Optional[str] = ...) -> None: ...

class GetAppPolicyResponse(_message.Message):
    __slots__ = ("document", "update_time")
    DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    document: str
    update_time: _timestamp_pb2.Timestamp
    def __init__(self, document: _Optional[str] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class DeleteAppPolicyRequest(_message.Message):
    __slots__ = ("app_id",)
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    def __init__(self, app_id: _Optional[str] = ...) -> None: ...

class DeleteAppPolicyResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
