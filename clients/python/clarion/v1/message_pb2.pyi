import datetime
from clarion.v1 import channel_pb2 as _channel_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Action(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ACTION_UNSPECIFIED: _ClassVar[Action]
    ACTION_OPEN_APP: _ClassVar[Action]
    ACTION_DEEP_LINK: _ClassVar[Action]
    ACTION_URL: _ClassVar[Action]

class Priority(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PRIORITY_UNSPECIFIED: _ClassVar[Priority]
    PRIORITY_LOW: _ClassVar[Priority]
    PRIORITY_NORMAL: _ClassVar[Priority]
    PRIORITY_HIGH: _ClassVar[Priority]

class ApnsPushType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    APNS_PUSH_TYPE_UNSPECIFIED: _ClassVar[ApnsPushType]
    APNS_PUSH_TYPE_ALERT: _ClassVar[ApnsPushType]
    APNS_PUSH_TYPE_BACKGROUND: _ClassVar[ApnsPushType]
    APNS_PUSH_TYPE_VOIP: _ClassVar[ApnsPushType]
    APNS_PUSH_TYPE_COMPLICATION: _ClassVar[ApnsPushType]
    APNS_PUSH_TYPE_FILE_PROVIDER: _ClassVar[ApnsPushType]
    APNS_PUSH_TYPE_MDM: _ClassVar[ApnsPushType]
    APNS_PUSH_TYPE_LOCATION: _ClassVar[ApnsPushType]
    APNS_PUSH_TYPE_LIVE_ACTIVITY: _ClassVar[ApnsPushType]
    APNS_PUSH_TYPE_PUSH_TO_TALK: _ClassVar[ApnsPushType]
    APNS_PUSH_TYPE_WIDGETS: _ClassVar[ApnsPushType]
    APNS_PUSH_TYPE_CONTROLS: _ClassVar[ApnsPushType]
ACTION_UNSPECIFIED: Action
ACTION_OPEN_APP: Action
ACTION_DEEP_LINK: Action
ACTION_URL: Action
PRIORITY_UNSPECIFIED: Priority
PRIORITY_LOW: Priority
PRIORITY_NORMAL: Priority
PRIORITY_HIGH: Priority
APNS_PUSH_TYPE_UNSPECIFIED: ApnsPushType
APNS_PUSH_TYPE_ALERT: ApnsPushType
APNS_PUSH_TYPE_BACKGROUND: ApnsPushType
APNS_PUSH_TYPE_VOIP: ApnsPushType
APNS_PUSH_TYPE_COMPLICATION: ApnsPushType
APNS_PUSH_TYPE_FILE_PROVIDER: ApnsPushType
APNS_PUSH_TYPE_MDM: ApnsPushType
APNS_PUSH_TYPE_LOCATION: ApnsPushType
APNS_PUSH_TYPE_LIVE_ACTIVITY: ApnsPushType
APNS_PUSH_TYPE_PUSH_TO_TALK: ApnsPushType
APNS_PUSH_TYPE_WIDGETS: ApnsPushType
APNS_PUSH_TYPE_CONTROLS: ApnsPushType

class Message(_message.Message):
    __slots__ = ("default_message", "default_push_message", "apns", "fcm", "adm", "baidu")
    DEFAULT_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_PUSH_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    APNS_FIELD_NUMBER: _ClassVar[int]
    FCM_FIELD_NUMBER: _ClassVar[int]
    ADM_FIELD_NUMBER: _ClassVar[int]
    BAIDU_FIELD_NUMBER: _ClassVar[int]
    default_message: DefaultMessage
    default_push_message: DefaultPushMessage
    apns: ApnsMessage
    fcm: FcmMessage
    adm: AdmMessage
    baidu: BaiduMessage
    def __init__(self, default_message: _Optional[_Union[DefaultMessage, _Mapping]] = ..., default_push_message: _Optional[_Union[DefaultPushMessage, _Mapping]] = ..., apns: _Optional[_Union[ApnsMessage, _Mapping]] = ..., fcm: _Optional[_Union[FcmMessage, _Mapping]] = ..., adm: _Optional[_Union[AdmMessage, _Mapping]] = ..., baidu: _Optional[_Union[BaiduMessage, _Mapping]] = ...) -> None: ...

class VariableValues(_message.Message):
    __slots__ = ("values",)
    VALUES_FIELD_NUMBER: _ClassVar[int]
    values: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, values: _Optional[_Iterable[str]] = ...) -> None: ...

class DefaultMessage(_message.Message):
    __slots__ = ("body", "substitutions")
    class SubstitutionsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: VariableValues
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[VariableValues, _Mapping]] = ...) -> None: ...
    BODY_FIELD_NUMBER: _ClassVar[int]
    SUBSTITUTIONS_FIELD_NUMBER: _ClassVar[int]
    body: str
    substitutions: _containers.MessageMap[str, VariableValues]
    def __init__(self, body: _Optional[str] = ..., substitutions: _Optional[_Mapping[str, VariableValues]] = ...) -> None: ...

class DefaultPushMessage(_message.Message):
    __slots__ = ("action", "body", "data", "silent_push", "substitutions", "title", "url")
    class DataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class SubstitutionsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: VariableValues
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[VariableValues, _Mapping]] = ...) -> None: ...
    ACTION_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    SILENT_PUSH_FIELD_NUMBER: _ClassVar[int]
    SUBSTITUTIONS_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    action: Action
    body: str
    data: _containers.ScalarMap[str, str]
    silent_push: bool
    substitutions: _containers.MessageMap[str, VariableValues]
    title: str
    url: str
    def __init__(self, action: _Optional[_Union[Action, str]] = ..., body: _Optional[str] = ..., data: _Optional[_Mapping[str, str]] = ..., silent_push: bool = ..., substitutions: _Optional[_Mapping[str, VariableValues]] = ..., title: _Optional[str] = ..., url: _Optional[str] = ...) -> None: ...

class ApnsMessage(_message.Message):
    __slots__ = ("action", "badge", "body", "category", "collapse_id", "data", "media_url", "preferred_authentication_method", "priority", "push_type", "raw_content", "silent_push", "sound", "substitutions", "thread_id", "time_to_live", "title", "url")
    class DataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class SubstitutionsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: VariableValues
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[VariableValues, _Mapping]] = ...) -> None: ...
    ACTION_FIELD_NUMBER: _ClassVar[int]
    BADGE_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    COLLAPSE_ID_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    MEDIA_URL_FIELD_NUMBER: _ClassVar[int]
    PREFERRED_AUTHENTICATION_METHOD_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    PUSH_TYPE_FIELD_NUMBER: _ClassVar[int]
    RAW_CONTENT_FIELD_NUMBER: _ClassVar[int]
    SILENT_PUSH_FIELD_NUMBER: _ClassVar[int]
    SOUND_FIELD_NUMBER: _ClassVar[int]
    SUBSTITUTIONS_FIELD_NUMBER: _ClassVar[int]
    THREAD_ID_FIELD_NUMBER: _ClassVar[int]
    TIME_TO_LIVE_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    action: Action
    badge: int
    body: str
    category: str
    collapse_id: str
    data: _containers.ScalarMap[str, str]
    media_url: str
    preferred_authentication_method: _channel_pb2.ApnsAuthenticationMethod
    priority: Priority
    push_type: ApnsPushType
    raw_content: str
    silent_push: bool
    sound: str
    substitutions: _containers.MessageMap[str, VariableValues]
    thread_id: str
    time_to_live: _duration_pb2.Duration
    title: str
    url: str
    def __init__(self, action: _Optional[_Union[Action, str]] = ..., badge: _Optional[int] = ..., body: _Optional[str] = ..., category: _Optional[str] = ..., collapse_id: _Optional[str] = ..., data: _Optional[_Mapping[str, str]] = ..., media_url: _Optional[str] = ..., preferred_authentication_method: _Optional[_Union[_channel_pb2.ApnsAuthenticationMethod, str]] = ..., priority: _Optional[_Union[Priority, str]] = ..., push_type: _Optional[_Union[ApnsPushType, str]] = ..., raw_content: _Optional[str] = ..., silent_push: bool = ..., sound: _Optional[str] = ..., substitutions: _Optional[_Mapping[str, VariableValues]] = ..., thread_id: _Optional[str] = ..., time_to_live: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., title: _Optional[str] = ..., url: _Optional[str] = ...) -> None: ...

class FcmMessage(_message.Message):
    __slots__ = ("action", "body", "collapse_key", "data", "icon_reference", "image_icon_url", "image_url", "preferred_authentication_method", "priority", "raw_content", "restricted_package_name", "silent_push", "small_image_icon_url", "sound", "substitutions", "time_to_live", "title", "url")
    class DataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class SubstitutionsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: VariableValues
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[VariableValues, _Mapping]] = ...) -> None: ...
    ACTION_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    COLLAPSE_KEY_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    ICON_REFERENCE_FIELD_NUMBER: _ClassVar[int]
    IMAGE_ICON_URL_FIELD_NUMBER: _ClassVar[int]
    IMAGE_URL_FIELD_NUMBER: _ClassVar[int]
    PREFERRED_AUTHENTICATION_METHOD_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    RAW_CONTENT_FIELD_NUMBER: _ClassVar[int]
    RESTRICTED_PACKAGE_NAME_FIELD_NUMBER: _ClassVar[int]
    SILENT_PUSH_FIELD_NUMBER: _ClassVar[int]
    SMALL_IMAGE_ICON_URL_FIELD_NUMBER: _ClassVar[int]
    SOUND_FIELD_NUMBER: _ClassVar[int]
    SUBSTITUTIONS_FIELD_NUMBER: _ClassVar[int]
    TIME_TO_LIVE_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    action: Action
    body: str
    collapse_key: str
    data: _containers.ScalarMap[str, str]
    icon_reference: str
    image_icon_url: str
    image_url: str
    preferred_authentication_method: _channel_pb2.FcmAuthenticationMethod
    priority: Priority
    raw_content: str
    restricted_package_name: str
    silent_push: bool
    small_image_icon_url: str
    sound: str
    substitutions: _containers.MessageMap[str, VariableValues]
    time_to_live: _duration_pb2.Duration
    title: str
    url: str
    def __init__(self, action: _Optional[_Union[Action, str]] = ..., body: _Optional[str] = ..., collapse_key: _Optional[str] = ..., data: _Optional[_Mapping[str, str]] = ..., icon_reference: _Optional[str] = ..., image_icon_url: _Optional[str] = ..., image_url: _Optional[str] = ..., preferred_authentication_method: _Optional[_Union[_channel_pb2.FcmAuthenticationMethod, str]] = ..., priority: _Optional[_Union[Priority, str]] = ..., raw_content: _Optional[str] = ..., restricted_package_name: _Optional[str] = ..., silent_push: bool = ..., small_image_icon_url: _Optional[str] = ..., sound: _Optional[str] = ..., substitutions: _Optional[_Mapping[str, VariableValues]] = ..., time_to_live: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., title: _Optional[str] = ..., url: _Optional[str] = ...) -> None: ...

class AdmMessage(_message.Message):
    __slots__ = ("action", "body", "consolidation_key", "data", "expires_after", "icon_reference", "image_icon_url", "image_url", "md5", "raw_content", "silent_push", "small_image_icon_url", "sound", "substitutions", "title", "url")
    class DataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class SubstitutionsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: VariableValues
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[VariableValues, _Mapping]] = ...) -> None: ...
    ACTION_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    CONSOLIDATION_KEY_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AFTER_FIELD_NUMBER: _ClassVar[int]
    ICON_REFERENCE_FIELD_NUMBER: _ClassVar[int]
    IMAGE_ICON_URL_FIELD_NUMBER: _ClassVar[int]
    IMAGE_URL_FIELD_NUMBER: _ClassVar[int]
    MD5_FIELD_NUMBER: _ClassVar[int]
    RAW_CONTENT_FIELD_NUMBER: _ClassVar[int]
    SILENT_PUSH_FIELD_NUMBER: _ClassVar[int]
    SMALL_IMAGE_ICON_URL_FIELD_NUMBER: _ClassVar[int]
    SOUND_FIELD_NUMBER: _ClassVar[int]
    SUBSTITUTIONS_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    action: Action
    body: str
    consolidation_key: str
    data: _containers.ScalarMap[str, str]
    expires_after: _duration_pb2.Duration
    icon_reference: str
    image_icon_url: str
    image_url: str
    md5: str
    raw_content: str
    silent_push: bool
    small_image_icon_url: str
    sound: str
    substitutions: _containers.MessageMap[str, VariableValues]
    title: str
    url: str
    def __init__(self, action: _Optional[_Union[Action, str]] = ..., body: _Optional[str] = ..., consolidation_key: _Optional[str] = ..., data: _Optional[_Mapping[str, str]] = ..., expires_after: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., icon_reference: _Optional[str] = ..., image_icon_url: _Optional[str] = ..., image_url: _Optional[str] = ..., md5: _Optional[str] = ..., raw_content: _Optional[str] = ..., silent_push: bool = ..., small_image_icon_url: _Optional[str] = ..., sound: _Optional[str] = ..., substitutions: _Optional[_Mapping[str, VariableValues]] = ..., title: _Optional[str] = ..., url: _Optional[str] = ...) -> None: ...

class BaiduMessage(_message.Message):
    __slots__ = ("action", "body", "data", "icon_reference", "image_icon_url", "image_url", "raw_content", "silent_push", "small_image_icon_url", "sound", "substitutions", "time_to_live", "title", "url")
    class DataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class SubstitutionsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: VariableValues
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[VariableValues, _Mapping]] = ...) -> None: ...
    ACTION_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    ICON_REFERENCE_FIELD_NUMBER: _ClassVar[int]
    IMAGE_ICON_URL_FIELD_NUMBER: _ClassVar[int]
    IMAGE_URL_FIELD_NUMBER: _ClassVar[int]
    RAW_CONTENT_FIELD_NUMBER: _ClassVar[int]
    SILENT_PUSH_FIELD_NUMBER: _ClassVar[int]
    SMALL_IMAGE_ICON_URL_FIELD_NUMBER: _ClassVar[int]
    SOUND_FIELD_NUMBER: _ClassVar[int]
    SUBSTITUTIONS_FIELD_NUMBER: _ClassVar[int]
    TIME_TO_LIVE_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    action: Action
    body: str
    data: _containers.ScalarMap[str, str]
    icon_reference: str
    image_icon_url: str
    image_url: str
    raw_content: str
    silent_push: bool
    small_image_icon_url: str
    sound: str
    substitutions: _containers.MessageMap[str, VariableValues]
    time_to_live: _duration_pb2.Duration
    title: str
    url: str
    def __init__(self, action: _Optional[_Union[Action, str]] = ..., body: _Optional[str] = ..., data: _Optional[_Mapping[str, str]] = ..., icon_reference: _Optional[str] = ..., image_icon_url: _Optional[str] = ..., image_url: _Optional[str] = ..., raw_content: _Optional[str] = ..., silent_push: bool = ..., small_image_icon_url: _Optional[str] = ..., sound: _Optional[str] = ..., substitutions: _Optional[_Mapping[str, VariableValues]] = ..., time_to_live: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., title: _Optional[str] = ..., url: _Optional[str] = ...) -> None: ...
