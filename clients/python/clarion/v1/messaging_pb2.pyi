import datetime
from clarion.v1 import channel_pb2 as _channel_pb2
from clarion.v1 import error_pb2 as _error_pb2
from clarion.v1 import message_pb2 as _message_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DeliveryStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DELIVERY_STATUS_UNSPECIFIED: _ClassVar[DeliveryStatus]
    DELIVERY_STATUS_SUCCESSFUL: _ClassVar[DeliveryStatus]
    DELIVERY_STATUS_THROTTLED: _ClassVar[DeliveryStatus]
    DELIVERY_STATUS_TEMPORARY_FAILURE: _ClassVar[DeliveryStatus]
    DELIVERY_STATUS_PERMANENT_FAILURE: _ClassVar[DeliveryStatus]
    DELIVERY_STATUS_UNKNOWN_FAILURE: _ClassVar[DeliveryStatus]
    DELIVERY_STATUS_OPT_OUT: _ClassVar[DeliveryStatus]
    DELIVERY_STATUS_DUPLICATE: _ClassVar[DeliveryStatus]

class Origin(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ORIGIN_UNSPECIFIED: _ClassVar[Origin]
    ORIGIN_GATEWAY: _ClassVar[Origin]
    ORIGIN_TRANSPORT: _ClassVar[Origin]
    ORIGIN_PROVIDER: _ClassVar[Origin]
DELIVERY_STATUS_UNSPECIFIED: DeliveryStatus
DELIVERY_STATUS_SUCCESSFUL: DeliveryStatus
DELIVERY_STATUS_THROTTLED: DeliveryStatus
DELIVERY_STATUS_TEMPORARY_FAILURE: DeliveryStatus
DELIVERY_STATUS_PERMANENT_FAILURE: DeliveryStatus
DELIVERY_STATUS_UNKNOWN_FAILURE: DeliveryStatus
DELIVERY_STATUS_OPT_OUT: DeliveryStatus
DELIVERY_STATUS_DUPLICATE: DeliveryStatus
ORIGIN_UNSPECIFIED: Origin
ORIGIN_GATEWAY: Origin
ORIGIN_TRANSPORT: Origin
ORIGIN_PROVIDER: Origin

class SendStart(_message.Message):
    __slots__ = ("app_id", "message", "context", "trace_id", "options")
    class ContextEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    TRACE_ID_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    message: _message_pb2.Message
    context: _containers.ScalarMap[str, str]
    trace_id: str
    options: SendOptions
    def __init__(self, app_id: _Optional[str] = ..., message: _Optional[_Union[_message_pb2.Message, _Mapping]] = ..., context: _Optional[_Mapping[str, str]] = ..., trace_id: _Optional[str] = ..., options: _Optional[_Union[SendOptions, _Mapping]] = ...) -> None: ...

class SendOptions(_message.Message):
    __slots__ = ("send_timeout", "retry_policy")
    SEND_TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    RETRY_POLICY_FIELD_NUMBER: _ClassVar[int]
    send_timeout: _duration_pb2.Duration
    retry_policy: RetryPolicy
    def __init__(self, send_timeout: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., retry_policy: _Optional[_Union[RetryPolicy, _Mapping]] = ...) -> None: ...

class RetryPolicy(_message.Message):
    __slots__ = ("repeat_ambiguous", "max_attempts", "max_wait")
    REPEAT_AMBIGUOUS_FIELD_NUMBER: _ClassVar[int]
    MAX_ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    MAX_WAIT_FIELD_NUMBER: _ClassVar[int]
    repeat_ambiguous: bool
    max_attempts: int
    max_wait: _duration_pb2.Duration
    def __init__(self, repeat_ambiguous: bool = ..., max_attempts: _Optional[int] = ..., max_wait: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class Target(_message.Message):
    __slots__ = ("address", "channel_type", "overrides", "client_ref")
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_TYPE_FIELD_NUMBER: _ClassVar[int]
    OVERRIDES_FIELD_NUMBER: _ClassVar[int]
    CLIENT_REF_FIELD_NUMBER: _ClassVar[int]
    address: str
    channel_type: _channel_pb2.ChannelType
    overrides: Overrides
    client_ref: str
    def __init__(self, address: _Optional[str] = ..., channel_type: _Optional[_Union[_channel_pb2.ChannelType, str]] = ..., overrides: _Optional[_Union[Overrides, _Mapping]] = ..., client_ref: _Optional[str] = ...) -> None: ...

class Overrides(_message.Message):
    __slots__ = ("title", "body", "raw_content", "substitutions", "context")
    class SubstitutionsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _message_pb2.VariableValues
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_message_pb2.VariableValues, _Mapping]] = ...) -> None: ...
    class ContextEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    TITLE_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    RAW_CONTENT_FIELD_NUMBER: _ClassVar[int]
    SUBSTITUTIONS_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    title: str
    body: str
    raw_content: str
    substitutions: _containers.MessageMap[str, _message_pb2.VariableValues]
    context: _containers.ScalarMap[str, str]
    def __init__(self, title: _Optional[str] = ..., body: _Optional[str] = ..., raw_content: _Optional[str] = ..., substitutions: _Optional[_Mapping[str, _message_pb2.VariableValues]] = ..., context: _Optional[_Mapping[str, str]] = ...) -> None: ...

class TargetBatch(_message.Message):
    __slots__ = ("targets",)
    TARGETS_FIELD_NUMBER: _ClassVar[int]
    targets: _containers.RepeatedCompositeFieldContainer[Target]
    def __init__(self, targets: _Optional[_Iterable[_Union[Target, _Mapping]]] = ...) -> None: ...

class SendMessagesRequest(_message.Message):
    __slots__ = ("start", "targets")
    START_FIELD_NUMBER: _ClassVar[int]
    TARGETS_FIELD_NUMBER: _ClassVar[int]
    start: SendStart
    targets: _containers.RepeatedCompositeFieldContainer[Target]
    def __init__(self, start: _Optional[_Union[SendStart, _Mapping]] = ..., targets: _Optional[_Iterable[_Union[Target, _Mapping]]] = ...) -> None: ...

class SendMessagesResponse(_message.Message):
    __slots__ = ("started", "results", "summary")
    STARTED_FIELD_NUMBER: _ClassVar[int]
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    started: SendStarted
    results: SendResults
    summary: SendSummary
    def __init__(self, started: _Optional[_Union[SendStarted, _Mapping]] = ..., results: _Optional[_Union[SendResults, _Mapping]] = ..., summary: _Optional[_Union[SendSummary, _Mapping]] = ...) -> None: ...

class StreamMessagesRequest(_message.Message):
    __slots__ = ("start", "targets")
    START_FIELD_NUMBER: _ClassVar[int]
    TARGETS_FIELD_NUMBER: _ClassVar[int]
    start: SendStart
    targets: TargetBatch
    def __init__(self, start: _Optional[_Union[SendStart, _Mapping]] = ..., targets: _Optional[_Union[TargetBatch, _Mapping]] = ...) -> None: ...

class StreamMessagesResponse(_message.Message):
    __slots__ = ("started", "results", "summary")
    STARTED_FIELD_NUMBER: _ClassVar[int]
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    started: SendStarted
    results: SendResults
    summary: SendSummary
    def __init__(self, started: _Optional[_Union[SendStarted, _Mapping]] = ..., results: _Optional[_Union[SendResults, _Mapping]] = ..., summary: _Optional[_Union[SendSummary, _Mapping]] = ...) -> None: ...

class SendStarted(_message.Message):
    __slots__ = ("send_id", "trace_id")
    SEND_ID_FIELD_NUMBER: _ClassVar[int]
    TRACE_ID_FIELD_NUMBER: _ClassVar[int]
    send_id: str
    trace_id: str
    def __init__(self, send_id: _Optional[str] = ..., trace_id: _Optional[str] = ...) -> None: ...

class SendResults(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[Result]
    def __init__(self, results: _Optional[_Iterable[_Union[Result, _Mapping]]] = ...) -> None: ...

class Result(_message.Message):
    __slots__ = ("index", "address", "client_ref", "channel_type", "delivery_status", "reason", "origin", "status_code", "status_message", "provider_reason", "message_id", "attempts", "retry_after", "updated_token", "token_dead", "token_invalid_at")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    CLIENT_REF_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_TYPE_FIELD_NUMBER: _ClassVar[int]
    DELIVERY_STATUS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    STATUS_CODE_FIELD_NUMBER: _ClassVar[int]
    STATUS_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_FIELD_NUMBER: _ClassVar[int]
    UPDATED_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TOKEN_DEAD_FIELD_NUMBER: _ClassVar[int]
    TOKEN_INVALID_AT_FIELD_NUMBER: _ClassVar[int]
    index: int
    address: str
    client_ref: str
    channel_type: _channel_pb2.ChannelType
    delivery_status: DeliveryStatus
    reason: _error_pb2.ErrorReason
    origin: Origin
    status_code: int
    status_message: str
    provider_reason: str
    message_id: str
    attempts: int
    retry_after: _duration_pb2.Duration
    updated_token: str
    token_dead: bool
    token_invalid_at: _timestamp_pb2.Timestamp
    def __init__(self, index: _Optional[int] = ..., address: _Optional[str] = ..., client_ref: _Optional[str] = ..., channel_type: _Optional[_Union[_channel_pb2.ChannelType, str]] = ..., delivery_status: _Optional[_Union[DeliveryStatus, str]] = ..., reason: _Optional[_Union[_error_pb2.ErrorReason, str]] = ..., origin: _Optional[_Union[Origin, str]] = ..., status_code: _Optional[int] = ..., status_message: _Optional[str] = ..., provider_reason: _Optional[str] = ..., message_id: _Optional[str] = ..., attempts: _Optional[int] = ..., retry_after: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., updated_token: _Optional[str] = ..., token_dead: bool = ..., token_invalid_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class SendSummary(_message.Message):
    __slots__ = ("total", "by_status", "by_reason", "elapsed")
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    BY_STATUS_FIELD_NUMBER: _ClassVar[int]
    BY_REASON_FIELD_NUMBER: _ClassVar[int]
    ELAPSED_FIELD_NUMBER: _ClassVar[int]
    total: int
    by_status: _containers.RepeatedCompositeFieldContainer[StatusCount]
    by_reason: _containers.RepeatedCompositeFieldContainer[ReasonCount]
    elapsed: _duration_pb2.Duration
    def __init__(self, total: _Optional[int] = ..., by_status: _Optional[_Iterable[_Union[StatusCount, _Mapping]]] = ..., by_reason: _Optional[_Iterable[_Union[ReasonCount, _Mapping]]] = ..., elapsed: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class StatusCount(_message.Message):
    __slots__ = ("delivery_status", "count")
    DELIVERY_STATUS_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    delivery_status: DeliveryStatus
    count: int
    def __init__(self, delivery_status: _Optional[_Union[DeliveryStatus, str]] = ..., count: _Optional[int] = ...) -> None: ...

class ReasonCount(_message.Message):
    __slots__ = ("reason", "count")
    REASON_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    reason: _error_pb2.ErrorReason
    count: int
    def __init__(self, reason: _Optional[_Union[_error_pb2.ErrorReason, str]] = ..., count: _Optional[int] = ...) -> None: ...

class PreviewMessageRequest(_message.Message):
    __slots__ = ("start", "targets")
    START_FIELD_NUMBER: _ClassVar[int]
    TARGETS_FIELD_NUMBER: _ClassVar[int]
    start: SendStart
    targets: _containers.RepeatedCompositeFieldContainer[Target]
    def __init__(self, start: _Optional[_Union[SendStart, _Mapping]] = ..., targets: _Optional[_Iterable[_Union[Target, _Mapping]]] = ...) -> None: ...

class PreviewMessageResponse(_message.Message):
    __slots__ = ("previews",)
    PREVIEWS_FIELD_NUMBER: _ClassVar[int]
    previews: _containers.RepeatedCompositeFieldContainer[Preview]
    def __init__(self, previews: _Optional[_Iterable[_Union[Preview, _Mapping]]] = ...) -> None: ...

class Preview(_message.Message):
    __slots__ = ("index", "client_ref", "channel_type", "request", "failure", "payload_size", "payload_limit")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    CLIENT_REF_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_TYPE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_LIMIT_FIELD_NUMBER: _ClassVar[int]
    index: int
    client_ref: str
    channel_type: _channel_pb2.ChannelType
    request: PreviewedRequest
    failure: PreviewFailure
    payload_size: int
    payload_limit: int
    def __init__(self, index: _Optional[int] = ..., client_ref: _Optional[str] = ..., channel_type: _Optional[_Union[_channel_pb2.ChannelType, str]] = ..., request: _Optional[_Union[PreviewedRequest, _Mapping]] = ..., failure: _Optional[_Union[PreviewFailure, _Mapping]] = ..., payload_size: _Optional[int] = ..., payload_limit: _Optional[int] = ...) -> None: ...

class PreviewedRequest(_message.Message):
    __slots__ = ("method", "url", "headers", "body")
    METHOD_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    HEADERS_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    method: str
    url: str
    headers: _containers.RepeatedCompositeFieldContainer[HttpHeader]
    body: str
    def __init__(self, method: _Optional[str] = ..., url: _Optional[str] = ..., headers: _Optional[_Iterable[_Union[HttpHeader, _Mapping]]] = ..., body: _Optional[str] = ...) -> None: ...

class HttpHeader(_message.Message):
    __slots__ = ("name", "value")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    name: str
    value: str
    def __init__(self, name: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...

class PreviewFailure(_message.Message):
    __slots__ = ("reason", "message")
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    reason: _error_pb2.ErrorReason
    message: str
    def __init__(self, reason: _Optional[_Union[_error_pb2.ErrorReason, str]] = ..., message: _Optional[str] = ...) -> None: ...
