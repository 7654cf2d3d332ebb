"""What AWS's own model of the API has, Clarion's has: each message field, and each setting of an APNs and FCM channel.

The model is the service description of Amazon Pinpoint in the package botocore.
"""

from __future__ import annotations

import gzip
import json
from functools import cache
from importlib import resources
from typing import Any

import pytest
from google.protobuf.descriptor import FieldDescriptor

from clarion.v1 import channel_pb2, message_pb2, messaging_pb2

Field = FieldDescriptor

DEFAULT = {"Body": "body", "Substitutions": "substitutions"}
DEFAULT_PUSH = {
    **DEFAULT,
    "Action": "action",
    "Data": "data",
    "SilentPush": "silent_push",
    "Title": "title",
    "Url": "url",
}
RAW = {"RawContent": "raw_content"}
ANDROID = {
    **DEFAULT_PUSH,
    **RAW,
    "IconReference": "icon_reference",
    "ImageIconUrl": "image_icon_url",
    "ImageUrl": "image_url",
    "SmallImageIconUrl": "small_image_icon_url",
    "Sound": "sound",
}
MESSAGES: dict[str, tuple[Any, dict[str, str]]] = {
    "DefaultMessage": (message_pb2.DefaultMessage.DESCRIPTOR, DEFAULT),
    "DefaultPushNotificationMessage": (message_pb2.DefaultPushMessage.DESCRIPTOR, DEFAULT_PUSH),
    "APNSMessage": (
        message_pb2.ApnsMessage.DESCRIPTOR,
        {
            **DEFAULT_PUSH,
            **RAW,
            "APNSPushType": "push_type",
            "Badge": "badge",
            "Category": "category",
            "CollapseId": "collapse_id",
            "MediaUrl": "media_url",
            "PreferredAuthenticationMethod": "preferred_authentication_method",
            "Priority": "priority",
            "Sound": "sound",
            "ThreadId": "thread_id",
            "TimeToLive": "time_to_live",
        },
    ),
    "GCMMessage": (
        message_pb2.FcmMessage.DESCRIPTOR,
        {
            **ANDROID,
            "CollapseKey": "collapse_key",
            "PreferredAuthenticationMethod": "preferred_authentication_method",
            "Priority": "priority",
            "RestrictedPackageName": "restricted_package_name",
            "TimeToLive": "time_to_live",
        },
    ),
    "ADMMessage": (
        message_pb2.AdmMessage.DESCRIPTOR,
        {**ANDROID, "ConsolidationKey": "consolidation_key", "ExpiresAfter": "expires_after", "MD5": "md5"},
    ),
    "BaiduMessage": (message_pb2.BaiduMessage.DESCRIPTOR, {**ANDROID, "TimeToLive": "time_to_live"}),
    "DirectMessageConfiguration": (
        message_pb2.Message.DESCRIPTOR,
        {
            "DefaultMessage": "default_message",
            "DefaultPushNotificationMessage": "default_push_message",
            "APNSMessage": "apns",
            "GCMMessage": "fcm",
            "ADMMessage": "adm",
            "BaiduMessage": "baidu",
        },
    ),
    "MessageResult": (
        messaging_pb2.Result.DESCRIPTOR,
        {
            "DeliveryStatus": "delivery_status",
            "MessageId": "message_id",
            "StatusCode": "status_code",
            "StatusMessage": "status_message",
            "UpdatedToken": "updated_token",
        },
    ),
}
APNS_CHANNEL = {
    "BundleId": "apns.bundle_id",
    "Certificate": "apns.certificate.pem.certificate",
    "DefaultAuthenticationMethod": "apns.default_authentication_method",
    "Enabled": "enabled",
    "PrivateKey": "apns.certificate.pem.private_key",
    "TeamId": "apns.signing_key.team_id",
    "TokenKey": "apns.signing_key.private_key",
    "TokenKeyId": "apns.signing_key.key_id",
}
CHANNELS: dict[str, dict[str, str]] = {
    "APNSChannelRequest": APNS_CHANNEL,
    "APNSSandboxChannelRequest": APNS_CHANNEL,
    "APNSVoipChannelRequest": APNS_CHANNEL,
    "APNSVoipSandboxChannelRequest": APNS_CHANNEL,
    "GCMChannelRequest": {
        "ApiKey": "fcm.legacy_key.server_key",
        "DefaultAuthenticationMethod": "fcm.default_authentication_method",
        "Enabled": "enabled",
        "ServiceJson": "fcm.service_account.json",
    },
    "ADMChannelRequest": {
        "ClientId": "adm.client.client_id",
        "ClientSecret": "adm.client.client_secret",
        "Enabled": "enabled",
    },
    "BaiduChannelRequest": {
        "ApiKey": "baidu.key_pair.api_key",
        "Enabled": "enabled",
        "SecretKey": "baidu.key_pair.secret_key",
    },
}
# Other ways to reach people than push.
OUT_OF_SCOPE = {"EmailMessage", "SMSMessage", "VoiceMessage"}
# Which types of a field stand for AWS's; where AWS says a number or a word in a text, the API has a type for it.
TYPES = {
    "string": {Field.TYPE_STRING, Field.TYPE_ENUM, Field.TYPE_MESSAGE},
    "integer": {Field.TYPE_INT32, Field.TYPE_MESSAGE},
    "boolean": {Field.TYPE_BOOL},
    "map": {Field.TYPE_MESSAGE},
    "structure": {Field.TYPE_MESSAGE},
}


@cache
def shapes() -> dict[str, Any]:
    """Return AWS's shapes by name."""
    path = resources.files("botocore").joinpath("data", "pinpoint", "2016-12-01", "service-2.json.gz")
    model = json.loads(gzip.decompress(path.read_bytes()))
    found: dict[str, Any] = model["shapes"]
    return found


@pytest.mark.parametrize("shape", MESSAGES)
def test_every_member_of_a_message_has_its_field(shape: str) -> None:
    """The mapping names each member of AWS's shape, and each named field is there with a type that can hold it."""
    descriptor, mapping = MESSAGES[shape]
    members = shapes()[shape]["members"]
    assert set(mapping) == set(members) - OUT_OF_SCOPE
    for member, name in mapping.items():
        field = descriptor.fields_by_name[name]
        assert field.type in TYPES[shapes()[members[member]["shape"]]["type"]], member


@pytest.mark.parametrize("shape", CHANNELS)
def test_every_setting_of_a_channel_has_its_field(shape: str) -> None:
    """Whatever AWS takes to set up a channel, ChannelSettings has a place for."""
    assert set(CHANNELS[shape]) == set(shapes()[shape]["members"])
    for path in CHANNELS[shape].values():
        descriptor: Any = channel_pb2.ChannelSettings.DESCRIPTOR
        *parents, name = path.split(".")
        for parent in parents:
            descriptor = descriptor.fields_by_name[parent].message_type
        assert name in descriptor.fields_by_name, path


def test_every_word_of_aws_has_its_value() -> None:
    """Actions and delivery statuses have the same names, so that nothing is lost between the two."""
    for shape, enum in (("Action", message_pb2.Action), ("DeliveryStatus", messaging_pb2.DeliveryStatus)):
        prefix = enum.Name(0).removesuffix("UNSPECIFIED")
        known = {name.removeprefix(prefix) for name in enum.keys()}  # noqa: SIM118 - no dict
        assert known - {"UNSPECIFIED"} == set(shapes()[shape]["enum"]), shape


def test_every_push_type_and_channel_type_of_aws_is_there() -> None:
    """The push types that AWS lists in its text, and its push channels, all have a value; GCM is called FCM."""
    text = shapes()["APNSMessage"]["members"]["APNSPushType"]["documentation"]
    for word in ("alert", "background", "complication", "fileprovider", "mdm", "voip"):
        assert word in text
    push_types = {name.replace("_", "").lower() for name in message_pb2.ApnsPushType.keys()}  # noqa: SIM118 - no dict
    for word in ("alert", "background", "complication", "fileprovider", "mdm", "voip"):
        assert f"apnspushtype{word}" in push_types
    push = {"GCM", "APNS", "APNS_SANDBOX", "APNS_VOIP", "APNS_VOIP_SANDBOX", "ADM", "BAIDU"}
    of_aws = set(shapes()["ChannelType"]["enum"]) & push
    ours = {name.removeprefix("CHANNEL_TYPE_") for name in channel_pb2.ChannelType.keys()}  # noqa: SIM118 - no dict
    assert ours - {"UNSPECIFIED"} == of_aws - {"GCM"} | {"FCM"}
