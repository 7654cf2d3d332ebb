from __future__ import annotations

import importlib
import pkgutil
from typing import Any

import pytest
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message_factory import GetMessageClass

import clarion
from clarion.v1 import app_pb2, channel_pb2, messaging_pb2
from clarion_server.access.actions import ACTIONS, RULES, Access, Scope, access_of
from tests.unit.access.worlds import ACCOUNT, APP, APP_ARN, PREFIX

_SCOPE = Scope("eu-central-1", ACCOUNT)


def _services() -> list[ServiceDescriptor]:
    """Return all services of the API."""
    found = []
    for module in pkgutil.walk_packages(clarion.__path__, "clarion."):
        if module.name.endswith("_pb2"):
            file = importlib.import_module(module.name).DESCRIPTOR
            found += list(file.services_by_name.values())
    assert found
    return found


def _methods() -> dict[str, Any]:
    return {f"{service.full_name}/{method.name}": method for service in _services() for method in service.methods}


def test_every_rpc_has_its_action() -> None:
    """An RPC that is not in the table would be one that nobody can be allowed or denied; and nothing else is in it."""
    assert set(RULES) == set(_methods())


def test_rules_bear_any_request() -> None:
    """An empty request of each RPC, and none yet, have an action and a resource."""
    for name, method in _methods().items():
        empty = GetMessageClass(descriptor_pool.Default().FindMessageTypeByName(method.input_type.full_name))()
        for request in (empty, None):
            access = access_of(f"/{name}", request, _SCOPE)
            assert access.action.partition(":")[0] in {"mobiletargeting", "clarion", "iam", "sts", "cloudtrail"}
            assert access.resource == "*" or access.resource.startswith("arn:aws:")
    with pytest.raises(KeyError):
        access_of("clarion.v1.AppService/Nothing", None, _SCOPE)


@pytest.mark.parametrize(
    ("method", "request_", "expected"),
    [
        ("AppService/CreateApp", app_pb2.CreateAppRequest(tags={"a": "b"}),
         Access("mobiletargeting:CreateApp", f"{PREFIX}apps/*", "", {"a": "b"})),
        ("AppService/ListApps", app_pb2.ListAppsRequest(), Access("mobiletargeting:GetApps", f"{PREFIX}apps/*")),
        ("AppService/GetApp", app_pb2.GetAppRequest(app_id=APP), Access("mobiletargeting:GetApp", APP_ARN, APP)),
        ("AppService/TagApp", app_pb2.TagAppRequest(app_id=APP, tags={"a": "b"}),
         Access("mobiletargeting:TagResource", APP_ARN, APP, {"a": "b"})),
        ("AppService/UntagApp", app_pb2.UntagAppRequest(app_id=APP, tag_keys=["a"]),
         Access("mobiletargeting:UntagResource", APP_ARN, APP, {"a": ""})),
        ("ChannelService/UpdateChannel",
         channel_pb2.UpdateChannelRequest(
             app_id=APP, channel=channel_pb2.ChannelSettings(type=channel_pb2.CHANNEL_TYPE_APNS_VOIP_SANDBOX)
         ),
         Access("mobiletargeting:UpdateApnsVoipSandboxChannel", f"{APP_ARN}/channels/apns_voip_sandbox", APP)),
        ("ChannelService/GetChannel",
         channel_pb2.GetChannelRequest(app_id=APP, type=channel_pb2.CHANNEL_TYPE_FCM),
         Access("mobiletargeting:GetGcmChannel", f"{APP_ARN}/channels/gcm", APP)),
        ("ChannelService/DeleteChannel", channel_pb2.DeleteChannelRequest(app_id=APP),
         Access("mobiletargeting:DeleteChannel", f"{APP_ARN}/channels/unknown", APP)),
        ("ChannelService/ListChannels", channel_pb2.ListChannelsRequest(app_id=APP),
         Access("mobiletargeting:GetChannels", f"{APP_ARN}/channels", APP)),
        ("MessagingService/SendMessages",
         messaging_pb2.SendMessagesRequest(start=messaging_pb2.SendStart(app_id=APP)),
         Access("mobiletargeting:SendMessages", f"{APP_ARN}/messages", APP)),
        ("MessagingService/StreamMessages",
         messaging_pb2.StreamMessagesRequest(start=messaging_pb2.SendStart(app_id=APP)),
         Access("mobiletargeting:SendMessages", f"{APP_ARN}/messages", APP)),
    ],
)  # fmt: skip
def test_access(method: str, request_: Any, expected: Access) -> None:
    """Action, resource, app and tags come from the request, under AWS's names where AWS has the operation."""
    assert access_of(f"clarion.v1.{method}", request_, _SCOPE) == expected


def test_an_id_that_is_none() -> None:
    """What a caller wrote instead of an app's id enters neither resource nor record."""
    for wrong in ("", "*", APP.upper(), f"{APP}/messages", "a-device-token"):
        access = access_of("clarion.v1.AppService/GetApp", app_pb2.GetAppRequest(app_id=wrong), _SCOPE)
        assert (access.resource, access.app_id) == (f"{PREFIX}apps/unknown", "")


def test_actions_have_the_names_of_aws() -> None:
    """All seven channels can be read, changed and removed under AWS's names."""
    for channel in ("Apns", "ApnsSandbox", "ApnsVoip", "ApnsVoipSandbox", "Gcm", "Adm", "Baidu"):
        assert {f"mobiletargeting:{verb}{channel}Channel" for verb in ("Get", "Update", "Delete")} <= ACTIONS
