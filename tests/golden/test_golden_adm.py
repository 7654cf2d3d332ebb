"""What each field of a message becomes at ADM: in PreviewMessage, and on the wire."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any

import pytest

from clarion.v1 import channel_pb2, message_pb2
from clarion_server.sandbox import adm_address
from tests.golden.conftest import Apps
from tests.golden.flat_keys import HELLO, SHOWN, cases
from tests.support.golden import Case, missing_fields, previewed, sent, values_in, values_of

ADM = channel_pb2.CHANNEL_TYPE_ADM
HEADERS = {
    "content-type": "application/json",
    "accept": "application/json",
    "x-amzn-type-version": "com.amazon.device.messaging.ADMMessage@1.0",
    "x-amzn-accept-type": "com.amazon.device.messaging.ADMSendResult@1.0",
}


def with_checksum(data: Mapping[str, str]) -> dict[str, Any]:
    """Return the body for data: sorted `key:value` pairs with commas between them, MD5, base64."""
    text = ",".join(f"{key}:{value}" for key, value in sorted(data.items()))
    return {
        "data": dict(data),
        "md5": base64.b64encode(hashlib.md5(text.encode(), usedforsecurity=False).digest()).decode(),
    }


def case(name: str, adm: Mapping[str, Any], **more: Any) -> Case:
    """Return the case of an AdmMessage with title and body, and what is in its body beside data."""
    return Case(name, {"adm": {**HELLO, **adm}}, {**with_checksum(SHOWN), **more})


def raw(name: str, content: Any, body: Mapping[str, Any], **adm: Any) -> Case:
    """Return the case of raw content and the whole body that it becomes."""
    return Case(name, {"adm": {"raw_content": json.dumps(content), **adm}}, dict(body))


_NOTIFICATION = {"title": "T", "body": "B", "color": "#ff0000"}

CASES = [
    *cases("adm", with_checksum),
    case("consolidation key", {"consolidation_key": "x" * 64}, consolidationKey="x" * 64),
    case("expires after", {"expires_after": "90.9s"}, expiresAfter=90),
    case("expires after a month", {"expires_after": "2678400s"}, expiresAfter=2678400),
    case("md5 of the caller is computed anew", {"md5": "of data, with variables"}),
    Case(
        "silent without data",
        {"adm": {"silent_push": True, "consolidation_key": "sync"}},
        {
            **with_checksum(
                {
                    "pinpoint.campaign.campaign_id": "_DIRECT",
                    "pinpoint.notification.silentPush": "1",
                    "pinpoint.openApp": "true",
                }
            ),
            "consolidationKey": "sync",
        },
    ),
    raw(
        "raw content, the keys of data",
        {"a": 1, "b": True, "c": "{{x}}", "d": {"e": [1.5, None]}},
        with_checksum({"a": "1", "b": "true", "c": "y", "d": '{"e":[1.5,null]}'}),
        substitutions={"x": {"values": ["y"]}},
        title="not sent",
    ),
    raw(
        "raw content, ADM's own body",
        {"data": {"k": "v"}, "consolidationKey": "raw", "expiresAfter": "60", "priority": "high"},
        {**with_checksum({"k": "v"}), "consolidationKey": "raw", "expiresAfter": 60, "priority": "high"},
        consolidation_key="weaker",
        expires_after="300s",
    ),
    raw(
        "raw content, a notification",
        {"notification": _NOTIFICATION, "priority": "normal"},
        {"data": {}, "notification": _NOTIFICATION, "priority": "normal", "consolidationKey": "k", "expiresAfter": 300},
        consolidation_key="k",
        expires_after="300s",
    ),
    raw(
        "raw content with a checksum",
        with_checksum({"k": "v"}),
        with_checksum({"k": "v"}),
    ),
    Case(
        "raw content of the target",
        {"adm": {**HELLO, "raw_content": '{"weak": "1"}', "consolidation_key": "k"}},
        {**with_checksum({"strong": "2"}), "consolidationKey": "k"},
        target={"overrides": {"raw_content": '{"strong": 2}'}},
    ),
]


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_golden(apps: Apps, case: Case) -> None:
    """PreviewMessage and the sandbox see exactly these headers and this body."""
    address = adm_address("ok", 7)
    before = await previewed(apps.world, apps.ids["plain"], case, address, ADM)
    after = await sent(apps.world, apps.ids["plain"], case, address, ADM)
    assert after.scheme == "Bearer"
    for seen in (before, after):
        assert seen.url.endswith(f"/messaging/registrations/{address}/messages")
        assert seen.headers.items() >= HEADERS.items()
        assert seen.headers.keys() <= HEADERS.keys() | {"content-length", "host"}
        assert seen.body == case.body


def test_every_field_is_in_a_case() -> None:
    """Each field of AdmMessage and of the default messages, at any depth, is part of some case above."""
    assert not missing_fields(CASES, "adm", message_pb2.AdmMessage.DESCRIPTOR)


def test_every_enum_value_is_in_a_case() -> None:
    """Each action of the API is part of some case above."""
    assert set(values_of(message_pb2.AdmMessage.DESCRIPTOR)) <= values_in(CASES, "adm")
