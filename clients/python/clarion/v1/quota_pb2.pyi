from google.protobuf import field_mask_pb2 as _field_mask_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Quotas(_message.Message):
    __slots__ = ("sends_per_second", "burst", "targets_per_call", "request_size", "streams_per_principal")
    SENDS_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    BURST_FIELD_NUMBER: _ClassVar[int]
    TARGETS_PER_CALL_FIELD_NUMBER: _ClassVar[int]
    REQUEST_SIZE_FIELD_NUMBER: _ClassVar[int]
    STREAMS_PER_PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    sends_per_second: int
    burst: int
    targets_per_call: int
    request_size: int
    streams_per_principal: int
    def __init__(self, sends_per_second: _Optional[int] = ..., burst: _Optional[int] = ..., targets_per_call: _Optional[int] = ..., request_size: _Optional[int] = ..., streams_per_principal: _Optional[int] = ...) -> None: ...

class GetQuotasRequest(_message.Message):
    __slots__ = ("app_id",)
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    def __init__(self, app_id: _Optional[str] = ...) -> None: ...

class GetQuotasResponse(_message.Message):
    __slots__ = ("effective", "set")
    EFFECTIVE_FIELD_NUMBER: _ClassVar[int]
    SET_FIELD_NUMBER: _ClassVar[int]
    effective: Quotas
    set: Quotas
    def __init__(self, effective: _Optional[_Union[Quotas, _Mapping]] = ..., set: _Optional[_Union[Quotas, _Mapping]] = ...) -> None: ...

class UpdateQuotasRequest(_message.Message):
    __slots__ = ("app_id", "quotas", "update_mask")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    QUOTAS_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    quotas: Quotas
    update_mask: _field_mask_pb2.FieldMask
    def __init__(self, app_id: _Optional[str] = ..., quotas: _Optional[_Union[Quotas, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ...) -> None: ...

class UpdateQuotasResponse(_message.Message):
    __slots__ = ("effective", "set")
    EFFECTIVE_FIELD_NUMBER: _ClassVar[int]
    SET_FIELD_NUMBER: _ClassVar[int]
    effective: Quotas
    set: Quotas
    def __init__(self, effective: _Optional[_Union[Quotas, _Mapping]] = ..., set: _Optional[_Union[Quotas, _Mapping]] = ...) -> None: ...
