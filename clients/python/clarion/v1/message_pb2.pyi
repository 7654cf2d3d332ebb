import datetime
from clarion.v1 import channel_pb2 as _channel_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
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

class ApnsInterruptionLevel(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    APNS_INTERRUPTION_LEVEL_UNSPECIFIED: _ClassVar[ApnsInterruptionLevel]
    APNS_INTERRUPTION_LEVEL_PASSIVE: _ClassVar[ApnsInterruptionLevel]
    APNS_INTERRUPTION_LEVEL_ACTIVE: _ClassVar[ApnsInterruptionLevel]
    APNS_INTERRUPTION_LEVEL_TIME_SENSITIVE: _ClassVar[ApnsInterruptionLevel]
    APNS_INTERRUPTION_LEVEL_CRITICAL: _ClassVar[ApnsInterruptionLevel]

class ApnsLiveActivityEvent(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    APNS_LIVE_ACTIVITY_EVENT_UNSPECIFIED: _ClassVar[ApnsLiveActivityEvent]
    APNS_LIVE_ACTIVITY_EVENT_START: _ClassVar[ApnsLiveActivityEvent]
    APNS_LIVE_ACTIVITY_EVENT_UPDATE: _ClassVar[ApnsLiveActivityEvent]
    APNS_LIVE_ACTIVITY_EVENT_END: _ClassVar[ApnsLiveActivityEvent]
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
APNS_INTERRUPTION_LEVEL_UNSPECIFIED: ApnsInterruptionLevel
APNS_INTERRUPTION_LEVEL_PASSIVE: ApnsInterruptionLevel
APNS_INTERRUPTION_LEVEL_ACTIVE: ApnsInterruptionLevel
APNS_INTERRUPTION_LEVEL_TIME_SENSITIVE: ApnsInterruptionLevel
APNS_INTERRUPTION_LEVEL_CRITICAL: ApnsInterruptionLevel
APNS_LIVE_ACTIVITY_EVENT_UNSPECIFIED: ApnsLiveActivityEvent
APNS_LIVE_ACTIVITY_EVENT_START: ApnsLiveActivityEvent
APNS_LIVE_ACTIVITY_EVENT_UPDATE: ApnsLiveActivityEvent
APNS_LIVE_ACTIVITY_EVENT_END: ApnsLiveActivityEvent

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
    __slots__ = ("action", "badge", "body", "category", "collapse_id", "data", "media_url", "preferred_authentication_method", "priority", "push_type", "raw_content", "silent_push", "sound", "substitutions", "thread_id", "time_to_live", "title", "url", "critical_sound", "interruption_level", "relevance_score", "live_activity", "mutable_content", "subtitle", "target_content_id", "filter_criteria", "url_args", "action_label", "localization", "launch_image")
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
    CRITICAL_SOUND_FIELD_NUMBER: _ClassVar[int]
    INTERRUPTION_LEVEL_FIELD_NUMBER: _ClassVar[int]
    RELEVANCE_SCORE_FIELD_NUMBER: _ClassVar[int]
    LIVE_ACTIVITY_FIELD_NUMBER: _ClassVar[int]
    MUTABLE_CONTENT_FIELD_NUMBER: _ClassVar[int]
    SUBTITLE_FIELD_NUMBER: _ClassVar[int]
    TARGET_CONTENT_ID_FIELD_NUMBER: _ClassVar[int]
    FILTER_CRITERIA_FIELD_NUMBER: _ClassVar[int]
    URL_ARGS_FIELD_NUMBER: _ClassVar[int]
    ACTION_LABEL_FIELD_NUMBER: _ClassVar[int]
    LOCALIZATION_FIELD_NUMBER: _ClassVar[int]
    LAUNCH_IMAGE_FIELD_NUMBER: _ClassVar[int]
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
    critical_sound: ApnsCriticalSound
    interruption_level: ApnsInterruptionLevel
    relevance_score: float
    live_activity: ApnsLiveActivity
    mutable_content: bool
    subtitle: str
    target_content_id: str
    filter_criteria: str
    url_args: _containers.RepeatedScalarFieldContainer[str]
    action_label: str
    localization: ApnsLocalization
    launch_image: str
    def __init__(self, action: _Optional[_Union[Action, str]] = ..., badge: _Optional[int] = ..., body: _Optional[str] = ..., category: _Optional[str] = ..., collapse_id: _Optional[str] = ..., data: _Optional[_Mapping[str, str]] = ..., media_url: _Optional[str] = ..., preferred_authentication_method: _Optional[_Union[_channel_pb2.ApnsAuthenticationMethod, str]] = ..., priority: _Optional[_Union[Priority, str]] = ..., push_type: _Optional[_Union[ApnsPushType, str]] = ..., raw_content: _Optional[str] = ..., silent_push: bool = ..., sound: _Optional[str] = ..., substitutions: _Optional[_Mapping[str, VariableValues]] = ..., thread_id: _Optional[str] = ..., time_to_live: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., title: _Optional[str] = ..., url: _Optional[str] = ..., critical_sound: _Optional[_Union[ApnsCriticalSound, _Mapping]] = ..., interruption_level: _Optional[_Union[ApnsInterruptionLevel, str]] = ..., relevance_score: _Optional[float] = ..., live_activity: _Optional[_Union[ApnsLiveActivity, _Mapping]] = ..., mutable_content: bool = ..., subtitle: _Optional[str] = ..., target_content_id: _Optional[str] = ..., filter_criteria: _Optional[str] = ..., url_args: _Optional[_Iterable[str]] = ..., action_label: _Optional[str] = ..., localization: _Optional[_Union[ApnsLocalization, _Mapping]] = ..., launch_image: _Optional[str] = ...) -> None: ...

class ApnsCriticalSound(_message.Message):
    __slots__ = ("volume",)
    VOLUME_FIELD_NUMBER: _ClassVar[int]
    volume: float
    def __init__(self, volume: _Optional[float] = ...) -> None: ...

class ApnsLocalization(_message.Message):
    __slots__ = ("title_key", "title_args", "subtitle_key", "subtitle_args", "body_key", "body_args")
    TITLE_KEY_FIELD_NUMBER: _ClassVar[int]
    TITLE_ARGS_FIELD_NUMBER: _ClassVar[int]
    SUBTITLE_KEY_FIELD_NUMBER: _ClassVar[int]
    SUBTITLE_ARGS_FIELD_NUMBER: _ClassVar[int]
    BODY_KEY_FIELD_NUMBER: _ClassVar[int]
    BODY_ARGS_FIELD_NUMBER: _ClassVar[int]
    title_key: str
    title_args: _containers.RepeatedScalarFieldContainer[str]
    subtitle_key: str
    subtitle_args: _containers.RepeatedScalarFieldContainer[str]
    body_key: str
    body_args: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, title_key: _Optional[str] = ..., title_args: _Optional[_Iterable[str]] = ..., subtitle_key: _Optional[str] = ..., subtitle_args: _Optional[_Iterable[str]] = ..., body_key: _Optional[str] = ..., body_args: _Optional[_Iterable[str]] = ...) -> None: ...

class ApnsLiveActivity(_message.Message):
    __slots__ = ("event", "content_state", "timestamp", "stale_date", "dismissal_date", "attributes_type", "attributes", "input_push_token", "input_push_channel")
    EVENT_FIELD_NUMBER: _ClassVar[int]
    CONTENT_STATE_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    STALE_DATE_FIELD_NUMBER: _ClassVar[int]
    DISMISSAL_DATE_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_TYPE_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    INPUT_PUSH_TOKEN_FIELD_NUMBER: _ClassVar[int]
    INPUT_PUSH_CHANNEL_FIELD_NUMBER: _ClassVar[int]
    event: ApnsLiveActivityEvent
    content_state: _struct_pb2.Struct
    timestamp: _timestamp_pb2.Timestamp
    stale_date: _timestamp_pb2.Timestamp
    dismissal_date: _timestamp_pb2.Timestamp
    attributes_type: str
    attributes: _struct_pb2.Struct
    input_push_token: bool
    input_push_channel: str
    def __init__(self, event: _Optional[_Union[ApnsLiveActivityEvent, str]] = ..., content_state: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., timestamp: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., stale_date: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., dismissal_date: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., attributes_type: _Optional[str] = ..., attributes: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., input_push_token: bool = ..., input_push_channel: _Optional[str] = ...) -> None: ...

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
