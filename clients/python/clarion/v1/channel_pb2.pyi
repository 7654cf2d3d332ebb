import datetime
from clarion.v1 import error_pb2 as _error_pb2
from google.protobuf import field_mask_pb2 as _field_mask_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Verdict(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VERDICT_UNSPECIFIED: _ClassVar[Verdict]
    VERDICT_VALID: _ClassVar[Verdict]
    VERDICT_INVALID: _ClassVar[Verdict]
    VERDICT_UNKNOWN: _ClassVar[Verdict]

class ChannelType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CHANNEL_TYPE_UNSPECIFIED: _ClassVar[ChannelType]
    CHANNEL_TYPE_APNS: _ClassVar[ChannelType]
    CHANNEL_TYPE_APNS_SANDBOX: _ClassVar[ChannelType]
    CHANNEL_TYPE_APNS_VOIP: _ClassVar[ChannelType]
    CHANNEL_TYPE_APNS_VOIP_SANDBOX: _ClassVar[ChannelType]
    CHANNEL_TYPE_FCM: _ClassVar[ChannelType]
    CHANNEL_TYPE_ADM: _ClassVar[ChannelType]
    CHANNEL_TYPE_BAIDU: _ClassVar[ChannelType]

class ApnsAuthenticationMethod(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    APNS_AUTHENTICATION_METHOD_UNSPECIFIED: _ClassVar[ApnsAuthenticationMethod]
    APNS_AUTHENTICATION_METHOD_SIGNING_KEY: _ClassVar[ApnsAuthenticationMethod]
    APNS_AUTHENTICATION_METHOD_CERTIFICATE: _ClassVar[ApnsAuthenticationMethod]

class FcmAuthenticationMethod(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FCM_AUTHENTICATION_METHOD_UNSPECIFIED: _ClassVar[FcmAuthenticationMethod]
    FCM_AUTHENTICATION_METHOD_SERVICE_ACCOUNT: _ClassVar[FcmAuthenticationMethod]
    FCM_AUTHENTICATION_METHOD_LEGACY_KEY: _ClassVar[FcmAuthenticationMethod]

class FcmPresentation(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FCM_PRESENTATION_UNSPECIFIED: _ClassVar[FcmPresentation]
    FCM_PRESENTATION_SYSTEM: _ClassVar[FcmPresentation]
    FCM_PRESENTATION_PINPOINT_SDK: _ClassVar[FcmPresentation]

class CredentialKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CREDENTIAL_KIND_UNSPECIFIED: _ClassVar[CredentialKind]
    CREDENTIAL_KIND_APNS_SIGNING_KEY: _ClassVar[CredentialKind]
    CREDENTIAL_KIND_APNS_CERTIFICATE: _ClassVar[CredentialKind]
    CREDENTIAL_KIND_FCM_SERVICE_ACCOUNT: _ClassVar[CredentialKind]
    CREDENTIAL_KIND_FCM_LEGACY_KEY: _ClassVar[CredentialKind]
    CREDENTIAL_KIND_ADM_CLIENT: _ClassVar[CredentialKind]
    CREDENTIAL_KIND_BAIDU_KEY_PAIR: _ClassVar[CredentialKind]

class CredentialNotice(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CREDENTIAL_NOTICE_UNSPECIFIED: _ClassVar[CredentialNotice]
    CREDENTIAL_NOTICE_RETIRED: _ClassVar[CredentialNotice]
    CREDENTIAL_NOTICE_NOT_USED: _ClassVar[CredentialNotice]
VERDICT_UNSPECIFIED: Verdict
VERDICT_VALID: Verdict
VERDICT_INVALID: Verdict
VERDICT_UNKNOWN: Verdict
CHANNEL_TYPE_UNSPECIFIED: ChannelType
CHANNEL_TYPE_APNS: ChannelType
CHANNEL_TYPE_APNS_SANDBOX: ChannelType
CHANNEL_TYPE_APNS_VOIP: ChannelType
CHANNEL_TYPE_APNS_VOIP_SANDBOX: ChannelType
CHANNEL_TYPE_FCM: ChannelType
CHANNEL_TYPE_ADM: ChannelType
CHANNEL_TYPE_BAIDU: ChannelType
APNS_AUTHENTICATION_METHOD_UNSPECIFIED: ApnsAuthenticationMethod
APNS_AUTHENTICATION_METHOD_SIGNING_KEY: ApnsAuthenticationMethod
APNS_AUTHENTICATION_METHOD_CERTIFICATE: ApnsAuthenticationMethod
FCM_AUTHENTICATION_METHOD_UNSPECIFIED: FcmAuthenticationMethod
FCM_AUTHENTICATION_METHOD_SERVICE_ACCOUNT: FcmAuthenticationMethod
FCM_AUTHENTICATION_METHOD_LEGACY_KEY: FcmAuthenticationMethod
FCM_PRESENTATION_UNSPECIFIED: FcmPresentation
FCM_PRESENTATION_SYSTEM: FcmPresentation
FCM_PRESENTATION_PINPOINT_SDK: FcmPresentation
CREDENTIAL_KIND_UNSPECIFIED: CredentialKind
CREDENTIAL_KIND_APNS_SIGNING_KEY: CredentialKind
CREDENTIAL_KIND_APNS_CERTIFICATE: CredentialKind
CREDENTIAL_KIND_FCM_SERVICE_ACCOUNT: CredentialKind
CREDENTIAL_KIND_FCM_LEGACY_KEY: CredentialKind
CREDENTIAL_KIND_ADM_CLIENT: CredentialKind
CREDENTIAL_KIND_BAIDU_KEY_PAIR: CredentialKind
CREDENTIAL_NOTICE_UNSPECIFIED: CredentialNotice
CREDENTIAL_NOTICE_RETIRED: CredentialNotice
CREDENTIAL_NOTICE_NOT_USED: CredentialNotice

class ChannelSettings(_message.Message):
    __slots__ = ("type", "enabled", "apns", "fcm", "adm", "baidu")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    ENABLED_FIELD_NUMBER: _ClassVar[int]
    APNS_FIELD_NUMBER: _ClassVar[int]
    FCM_FIELD_NUMBER: _ClassVar[int]
    ADM_FIELD_NUMBER: _ClassVar[int]
    BAIDU_FIELD_NUMBER: _ClassVar[int]
    type: ChannelType
    enabled: bool
    apns: ApnsSettings
    fcm: FcmSettings
    adm: AdmSettings
    baidu: BaiduSettings
    def __init__(self, type: _Optional[_Union[ChannelType, str]] = ..., enabled: bool = ..., apns: _Optional[_Union[ApnsSettings, _Mapping]] = ..., fcm: _Optional[_Union[FcmSettings, _Mapping]] = ..., adm: _Optional[_Union[AdmSettings, _Mapping]] = ..., baidu: _Optional[_Union[BaiduSettings, _Mapping]] = ...) -> None: ...

class ApnsSettings(_message.Message):
    __slots__ = ("bundle_id", "default_authentication_method", "signing_key", "certificate")
    BUNDLE_ID_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_AUTHENTICATION_METHOD_FIELD_NUMBER: _ClassVar[int]
    SIGNING_KEY_FIELD_NUMBER: _ClassVar[int]
    CERTIFICATE_FIELD_NUMBER: _ClassVar[int]
    bundle_id: str
    default_authentication_method: ApnsAuthenticationMethod
    signing_key: ApnsSigningKey
    certificate: ApnsCertificate
    def __init__(self, bundle_id: _Optional[str] = ..., default_authentication_method: _Optional[_Union[ApnsAuthenticationMethod, str]] = ..., signing_key: _Optional[_Union[ApnsSigningKey, _Mapping]] = ..., certificate: _Optional[_Union[ApnsCertificate, _Mapping]] = ...) -> None: ...

class ApnsSigningKey(_message.Message):
    __slots__ = ("private_key", "key_id", "team_id")
    PRIVATE_KEY_FIELD_NUMBER: _ClassVar[int]
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    TEAM_ID_FIELD_NUMBER: _ClassVar[int]
    private_key: str
    key_id: str
    team_id: str
    def __init__(self, private_key: _Optional[str] = ..., key_id: _Optional[str] = ..., team_id: _Optional[str] = ...) -> None: ...

class ApnsCertificate(_message.Message):
    __slots__ = ("pkcs12", "pem")
    PKCS12_FIELD_NUMBER: _ClassVar[int]
    PEM_FIELD_NUMBER: _ClassVar[int]
    pkcs12: Pkcs12Certificate
    pem: PemCertificate
    def __init__(self, pkcs12: _Optional[_Union[Pkcs12Certificate, _Mapping]] = ..., pem: _Optional[_Union[PemCertificate, _Mapping]] = ...) -> None: ...

class Pkcs12Certificate(_message.Message):
    __slots__ = ("content", "password")
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    content: bytes
    password: str
    def __init__(self, content: _Optional[bytes] = ..., password: _Optional[str] = ...) -> None: ...

class PemCertificate(_message.Message):
    __slots__ = ("certificate", "private_key")
    CERTIFICATE_FIELD_NUMBER: _ClassVar[int]
    PRIVATE_KEY_FIELD_NUMBER: _ClassVar[int]
    certificate: str
    private_key: str
    def __init__(self, certificate: _Optional[str] = ..., private_key: _Optional[str] = ...) -> None: ...

class FcmSettings(_message.Message):
    __slots__ = ("default_authentication_method", "presentation", "service_account", "legacy_key")
    DEFAULT_AUTHENTICATION_METHOD_FIELD_NUMBER: _ClassVar[int]
    PRESENTATION_FIELD_NUMBER: _ClassVar[int]
    SERVICE_ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    LEGACY_KEY_FIELD_NUMBER: _ClassVar[int]
    default_authentication_method: FcmAuthenticationMethod
    presentation: FcmPresentation
    service_account: FcmServiceAccount
    legacy_key: FcmLegacyKey
    def __init__(self, default_authentication_method: _Optional[_Union[FcmAuthenticationMethod, str]] = ..., presentation: _Optional[_Union[FcmPresentation, str]] = ..., service_account: _Optional[_Union[FcmServiceAccount, _Mapping]] = ..., legacy_key: _Optional[_Union[FcmLegacyKey, _Mapping]] = ...) -> None: ...

class FcmServiceAccount(_message.Message):
    __slots__ = ("json",)
    JSON_FIELD_NUMBER: _ClassVar[int]
    json: str
    def __init__(self, json: _Optional[str] = ...) -> None: ...

class FcmLegacyKey(_message.Message):
    __slots__ = ("server_key",)
    SERVER_KEY_FIELD_NUMBER: _ClassVar[int]
    server_key: str
    def __init__(self, server_key: _Optional[str] = ...) -> None: ...

class AdmSettings(_message.Message):
    __slots__ = ("client",)
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    client: AdmClient
    def __init__(self, client: _Optional[_Union[AdmClient, _Mapping]] = ...) -> None: ...

class AdmClient(_message.Message):
    __slots__ = ("client_id", "client_secret")
    CLIENT_ID_FIELD_NUMBER: _ClassVar[int]
    CLIENT_SECRET_FIELD_NUMBER: _ClassVar[int]
    client_id: str
    client_secret: str
    def __init__(self, client_id: _Optional[str] = ..., client_secret: _Optional[str] = ...) -> None: ...

class BaiduSettings(_message.Message):
    __slots__ = ("key_pair",)
    KEY_PAIR_FIELD_NUMBER: _ClassVar[int]
    key_pair: BaiduKeyPair
    def __init__(self, key_pair: _Optional[_Union[BaiduKeyPair, _Mapping]] = ...) -> None: ...

class BaiduKeyPair(_message.Message):
    __slots__ = ("api_key", "secret_key")
    API_KEY_FIELD_NUMBER: _ClassVar[int]
    SECRET_KEY_FIELD_NUMBER: _ClassVar[int]
    api_key: str
    secret_key: str
    def __init__(self, api_key: _Optional[str] = ..., secret_key: _Optional[str] = ...) -> None: ...

class Channel(_message.Message):
    __slots__ = ("app_id", "type", "enabled", "apns", "fcm", "credentials", "version", "create_time", "update_time", "updated_by")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    ENABLED_FIELD_NUMBER: _ClassVar[int]
    APNS_FIELD_NUMBER: _ClassVar[int]
    FCM_FIELD_NUMBER: _ClassVar[int]
    CREDENTIALS_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATED_BY_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    type: ChannelType
    enabled: bool
    apns: ApnsConfig
    fcm: FcmConfig
    credentials: _containers.RepeatedCompositeFieldContainer[Credential]
    version: int
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    updated_by: str
    def __init__(self, app_id: _Optional[str] = ..., type: _Optional[_Union[ChannelType, str]] = ..., enabled: bool = ..., apns: _Optional[_Union[ApnsConfig, _Mapping]] = ..., fcm: _Optional[_Union[FcmConfig, _Mapping]] = ..., credentials: _Optional[_Iterable[_Union[Credential, _Mapping]]] = ..., version: _Optional[int] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., updated_by: _Optional[str] = ...) -> None: ...

class ApnsConfig(_message.Message):
    __slots__ = ("bundle_id", "default_authentication_method")
    BUNDLE_ID_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_AUTHENTICATION_METHOD_FIELD_NUMBER: _ClassVar[int]
    bundle_id: str
    default_authentication_method: ApnsAuthenticationMethod
    def __init__(self, bundle_id: _Optional[str] = ..., default_authentication_method: _Optional[_Union[ApnsAuthenticationMethod, str]] = ...) -> None: ...

class FcmConfig(_message.Message):
    __slots__ = ("default_authentication_method", "presentation", "project_id")
    DEFAULT_AUTHENTICATION_METHOD_FIELD_NUMBER: _ClassVar[int]
    PRESENTATION_FIELD_NUMBER: _ClassVar[int]
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    default_authentication_method: FcmAuthenticationMethod
    presentation: FcmPresentation
    project_id: str
    def __init__(self, default_authentication_method: _Optional[_Union[FcmAuthenticationMethod, str]] = ..., presentation: _Optional[_Union[FcmPresentation, str]] = ..., project_id: _Optional[str] = ...) -> None: ...

class Credential(_message.Message):
    __slots__ = ("kind", "public_id", "fingerprint", "expire_time", "update_time", "team_id", "notices")
    KIND_FIELD_NUMBER: _ClassVar[int]
    PUBLIC_ID_FIELD_NUMBER: _ClassVar[int]
    FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    TEAM_ID_FIELD_NUMBER: _ClassVar[int]
    NOTICES_FIELD_NUMBER: _ClassVar[int]
    kind: CredentialKind
    public_id: str
    fingerprint: str
    expire_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    team_id: str
    notices: _containers.RepeatedScalarFieldContainer[CredentialNotice]
    def __init__(self, kind: _Optional[_Union[CredentialKind, str]] = ..., public_id: _Optional[str] = ..., fingerprint: _Optional[str] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., team_id: _Optional[str] = ..., notices: _Optional[_Iterable[_Union[CredentialNotice, str]]] = ...) -> None: ...

class UpdateChannelRequest(_message.Message):
    __slots__ = ("app_id", "channel", "update_mask", "expected_version")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_VERSION_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    channel: ChannelSettings
    update_mask: _field_mask_pb2.FieldMask
    expected_version: int
    def __init__(self, app_id: _Optional[str] = ..., channel: _Optional[_Union[ChannelSettings, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ..., expected_version: _Optional[int] = ...) -> None: ...

class UpdateChannelResponse(_message.Message):
    __slots__ = ("channel",)
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    channel: Channel
    def __init__(self, channel: _Optional[_Union[Channel, _Mapping]] = ...) -> None: ...

class GetChannelRequest(_message.Message):
    __slots__ = ("app_id", "type")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    type: ChannelType
    def __init__(self, app_id: _Optional[str] = ..., type: _Optional[_Union[ChannelType, str]] = ...) -> None: ...

class GetChannelResponse(_message.Message):
    __slots__ = ("channel",)
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    channel: Channel
    def __init__(self, channel: _Optional[_Union[Channel, _Mapping]] = ...) -> None: ...

class ListChannelsRequest(_message.Message):
    __slots__ = ("app_id",)
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    def __init__(self, app_id: _Optional[str] = ...) -> None: ...

class ListChannelsResponse(_message.Message):
    __slots__ = ("channels",)
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    channels: _containers.RepeatedCompositeFieldContainer[Channel]
    def __init__(self, channels: _Optional[_Iterable[_Union[Channel, _Mapping]]] = ...) -> None: ...

class DeleteChannelRequest(_message.Message):
    __slots__ = ("app_id", "type", "expected_version")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_VERSION_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    type: ChannelType
    expected_version: int
    def __init__(self, app_id: _Optional[str] = ..., type: _Optional[_Union[ChannelType, str]] = ..., expected_version: _Optional[int] = ...) -> None: ...

class DeleteChannelResponse(_message.Message):
    __slots__ = ("channel",)
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    channel: Channel
    def __init__(self, channel: _Optional[_Union[Channel, _Mapping]] = ...) -> None: ...

class VerifyChannelRequest(_message.Message):
    __slots__ = ("app_id", "type")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    type: ChannelType
    def __init__(self, app_id: _Optional[str] = ..., type: _Optional[_Union[ChannelType, str]] = ...) -> None: ...

class VerifyChannelResponse(_message.Message):
    __slots__ = ("verdict", "credentials")
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    CREDENTIALS_FIELD_NUMBER: _ClassVar[int]
    verdict: Verdict
    credentials: _containers.RepeatedCompositeFieldContainer[CredentialVerdict]
    def __init__(self, verdict: _Optional[_Union[Verdict, str]] = ..., credentials: _Optional[_Iterable[_Union[CredentialVerdict, _Mapping]]] = ...) -> None: ...

class CredentialVerdict(_message.Message):
    __slots__ = ("kind", "public_id", "verdict", "reason", "message", "status_code", "provider_reason")
    KIND_FIELD_NUMBER: _ClassVar[int]
    PUBLIC_ID_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    STATUS_CODE_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_REASON_FIELD_NUMBER: _ClassVar[int]
    kind: CredentialKind
    public_id: str
    verdict: Verdict
    reason: _error_pb2.ErrorReason
    message: str
    status_code: int
    provider_reason: str
    def __init__(self, kind: _Optional[_Union[CredentialKind, str]] = ..., public_id: _Optional[str] = ..., verdict: _Optional[_Union[Verdict, str]] = ..., reason: _Optional[_Union[_error_pb2.ErrorReason, str]] = ..., message: _Optional[str] = ..., status_code: _Optional[int] = ..., provider_reason: _Optional[str] = ...) -> None: ...
