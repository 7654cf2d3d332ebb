"""From a message to what APNs gets: headers and body. Pure.

Facts: Apple, "Sending notification requests to APNs", "Generating a remote notification", "Pushing background updates
to your app"; for what is below `data`, the message model of Amazon Pinpoint and AWS's mobile libraries.

The body of a templated message always has the object `data.pinpoint`: AWS's mobile libraries take a push as theirs only
if it is there. It holds the context first, and then, stronger, what the message itself sets: `deeplink` (for
ACTION_DEEP_LINK and ACTION_URL: the libraries know no other key), `jsonBody` and `trace_id`. It has no `campaign`: that
direct sends carry the campaign id `_DIRECT` is known for Android only, and on iOS it would cost 90 bytes of 4,096 and
make the libraries count opened campaigns that do not exist. Who wants it sends raw content.

An empty text (title, body, sound, …) is left out, so that a stronger message can take away what a weaker one sets.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from clarion.v1 import error_pb2 as err
from clarion.v1 import message_pb2
from clarion.v1.channel_pb2 import ChannelType
from clarion.v1.message_pb2 import ApnsMessage, ApnsPushType
from clarion_server.providers.apns.aps import live_activity, visible
from clarion_server.providers.apns.channel_types import VOIP_TYPES
from clarion_server.providers.checks import header_problem
from clarion_server.providers.contract import Content, Outcome, Payload, refusal

LIMIT = 4096
VOIP_LIMIT = 5120
MAX_COLLAPSE_ID = 64
#: How the id of a website (Safari) begins, which is its topic.
WEBSITE_PREFIX = "web."

_ALERT = message_pb2.APNS_PUSH_TYPE_ALERT
_BACKGROUND = message_pb2.APNS_PUSH_TYPE_BACKGROUND
_VOIP = message_pb2.APNS_PUSH_TYPE_VOIP
_LIVE_ACTIVITY = message_pb2.APNS_PUSH_TYPE_LIVE_ACTIVITY
# These make the app read its content again; there is nothing to show.
_CONTENT_CHANGES = frozenset({message_pb2.APNS_PUSH_TYPE_WIDGETS, message_pb2.APNS_PUSH_TYPE_CONTROLS})

#: Value of `apns-push-type`, and what follows the bundle id in the topic.
PUSH_TYPES: dict[ApnsPushType, tuple[str, str]] = {
    _ALERT: ("alert", ""),
    _BACKGROUND: ("background", ""),
    _VOIP: ("voip", ".voip"),
    message_pb2.APNS_PUSH_TYPE_COMPLICATION: ("complication", ".complication"),
    message_pb2.APNS_PUSH_TYPE_FILE_PROVIDER: ("fileprovider", ".pushkit.fileprovider"),
    message_pb2.APNS_PUSH_TYPE_MDM: ("mdm", ""),
    message_pb2.APNS_PUSH_TYPE_LOCATION: ("location", ".location-query"),
    _LIVE_ACTIVITY: ("liveactivity", ".push-type.liveactivity"),
    message_pb2.APNS_PUSH_TYPE_PUSH_TO_TALK: ("pushtotalk", ".voip-ptt"),
    message_pb2.APNS_PUSH_TYPE_WIDGETS: ("widgets", ".push-type.widgets"),
    message_pb2.APNS_PUSH_TYPE_CONTROLS: ("controls", ".push-type.controls"),
}

# Push types that say all they have to say by being there.
_NEED_NOTHING = frozenset({_BACKGROUND, _LIVE_ACTIVITY, message_pb2.APNS_PUSH_TYPE_LOCATION, *_CONTENT_CHANGES})

_PRIORITIES = {
    message_pb2.PRIORITY_UNSPECIFIED: b"10",
    message_pb2.PRIORITY_LOW: b"1",
    message_pb2.PRIORITY_NORMAL: b"5",
    message_pb2.PRIORITY_HIGH: b"10",
}
_BACKGROUND_PRIORITY = b"5"

#: Keys of `aps` that the user notices; a background push may have none of them.
_NOTICED = ("alert", "badge", "sound")


class _Refused(Exception):
    """Carries why there is no payload; stays within this module."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.message)
        self.outcome = outcome


def render(
    content: Content,
    *,
    channel_type: ChannelType,
    bundle_id: str,
    now: float,
    topics: frozenset[str] = frozenset(),
) -> Payload | Outcome:
    """Return the payload for a content, or why APNs would refuse it or show nothing.

    Args:
        content: its `message` is an `ApnsMessage`.
        channel_type: of the channel.
        bundle_id: of the channel.
        now: seconds since the epoch, from which time_to_live counts.
        topics: what the certificate that is used lists; empty when it lists none, or none is used.
    """
    message: ApnsMessage = content.message
    website = bundle_id.startswith(WEBSITE_PREFIX)
    try:
        push_type = _push_type(message, content.raw, channel_type, website=website)
        priority = _BACKGROUND_PRIORITY if push_type == _BACKGROUND else _PRIORITIES[message.priority]
        if content.raw is not None:
            document = content.raw
        else:
            document = _document(content, push_type, website=website, now=now)
            _refuse_if_empty(document, push_type, content)
        _refuse_if_contradictory(document, push_type, urgent=priority == _PRIORITIES[message_pb2.PRIORITY_HIGH])
        topic = _topic(push_type, bundle_id, topics)
        headers = _headers(message, push_type, topic, priority, now)
        body = _encode(document)
    except _Refused as refused:
        return refused.outcome
    limit = VOIP_LIMIT if push_type == _VOIP else LIMIT
    if len(body) > limit:
        text = f"the payload has {len(body)} bytes; APNs takes at most {limit}"
        too_large = refusal(err.ERROR_REASON_PAYLOAD_TOO_LARGE, text)
        return replace(too_large, payload_size=len(body), payload_limit=limit)
    return Payload(headers=headers, body=body, size=len(body), limit=limit)


def _document(content: Content, push_type: ApnsPushType, *, website: bool, now: float) -> dict[str, Any]:
    """Return the JSON document of a templated message."""
    message: ApnsMessage = content.message
    if push_type == message_pb2.APNS_PUSH_TYPE_MDM:
        raise _invalid('an MDM push is no notification; give its payload as raw_content, {"mdm": "…"}')
    data: dict[str, Any] = {"pinpoint": _pinpoint(content)}
    if message.silent_push and push_type != _LIVE_ACTIVITY:
        aps: dict[str, Any] = {"content-available": 1}
    else:
        aps = visible(message, website=website)
        if push_type == _BACKGROUND:
            aps["content-available"] = 1
    if push_type == _LIVE_ACTIVITY:
        if not message.HasField("live_activity"):
            text = "a Live Activity push needs live_activity, which says what happens to it, or raw_content"
            raise _Refused(refusal(err.ERROR_REASON_CONTENT_MISSING, text))
        aps |= live_activity(message.live_activity, now)
    if push_type in _CONTENT_CHANGES:
        aps["content-changed"] = True
    if message.media_url:
        data["media-url"] = message.media_url
    return {"aps": aps, "data": data}


def _pinpoint(content: Content) -> dict[str, Any]:
    message: ApnsMessage = content.message
    pinpoint: dict[str, Any] = dict(content.context)
    if message.action in {message_pb2.ACTION_DEEP_LINK, message_pb2.ACTION_URL}:
        if not message.url:
            name = message_pb2.Action.Name(message.action)
            raise _invalid(f"url is absent; {name} opens it")
        pinpoint["deeplink"] = message.url
    if message.data:
        # Map fields have no order of their own; sorted, equal messages render to equal bytes.
        pinpoint["jsonBody"] = dict(sorted(message.data.items()))
    if content.trace_id:
        pinpoint["trace_id"] = content.trace_id
    return pinpoint


def effective_push_type(message: ApnsMessage, channel_type: ChannelType) -> ApnsPushType:
    """Return the push type as far as it does not depend on raw content; unspecified where it does."""
    if message.push_type != message_pb2.APNS_PUSH_TYPE_UNSPECIFIED:
        return message.push_type
    if message.HasField("live_activity"):
        return _LIVE_ACTIVITY
    if channel_type in VOIP_TYPES:
        return _VOIP
    return _BACKGROUND if message.silent_push else message_pb2.APNS_PUSH_TYPE_UNSPECIFIED


def _push_type(
    message: ApnsMessage, raw: dict[str, Any] | None, channel_type: ChannelType, *, website: bool
) -> ApnsPushType:
    """Return the push type, by the rules of `APNS_PUSH_TYPE_UNSPECIFIED` when the message names none."""
    given = effective_push_type(message, channel_type)
    if channel_type in VOIP_TYPES and given != _VOIP:
        raise _invalid(f"push_type {ApnsPushType.Name(given)} is not possible on a VoIP channel")
    if given == _ALERT and message.silent_push:
        raise _invalid("silent_push is true, and push_type APNS_PUSH_TYPE_ALERT shows something; keep one")
    if given == message_pb2.APNS_PUSH_TYPE_UNSPECIFIED:
        aps = raw.get("aps") if raw is not None else None
        silent = isinstance(aps, dict) and aps.get("content-available") in (1, "1") and not _noticed(aps)
        given = _BACKGROUND if silent else _ALERT
    if website and given != _ALERT:
        raise _invalid(f"push_type {ApnsPushType.Name(given)} is not possible for a website; it gets alerts only")
    return given


def _refuse_if_empty(document: dict[str, Any], push_type: ApnsPushType, content: Content) -> None:
    aps = document["aps"]
    if push_type in _NEED_NOTHING or _noticed(aps):
        return
    if push_type != _ALERT and (content.message.data or content.context):
        return
    text = "the message has no title, body, badge or sound; silent_push sends data alone"
    raise _Refused(refusal(err.ERROR_REASON_CONTENT_MISSING, text))


def _refuse_if_contradictory(document: dict[str, Any], push_type: ApnsPushType, *, urgent: bool) -> None:
    if not document:
        raise _invalid("raw_content is an empty object, which APNs refuses")
    aps = document.get("aps", {})
    if not isinstance(aps, dict):
        raise _invalid("aps is not a JSON object")
    if push_type == _ALERT and urgent and aps.get("content-available") in (1, "1") and not _noticed(aps):
        raise _invalid("an alert with content-available alone may not have priority 10; use PRIORITY_NORMAL")
    if push_type != _BACKGROUND:
        return
    if noticed := _noticed(aps):
        names = " and ".join(f"aps.{key}" for key in noticed)
        raise _invalid(f"a background push may not have {names}; take it out, or use APNS_PUSH_TYPE_ALERT")
    if aps.get("content-available") != 1:
        raise _invalid("a background push must have aps.content-available, and it must be the number 1")


def _noticed(aps: dict[str, Any]) -> list[str]:
    return [key for key in _NOTICED if aps.get(key) is not None]


def _topic(push_type: ApnsPushType, bundle_id: str, topics: frozenset[str]) -> str:
    if not bundle_id:
        raise _invalid("the channel has no bundle_id, so there is no topic; UpdateChannel sets it")
    topic = f"{bundle_id}{PUSH_TYPES[push_type][1]}"
    if topics and topic not in topics:
        text = (
            f"the certificate is not made for the topic {topic}, which {ApnsPushType.Name(push_type)} needs, but for "
            f"{', '.join(sorted(topics)[:5])}; give the channel a signing key or another certificate"
        )
        raise _Refused(refusal(err.ERROR_REASON_TOPIC_NOT_CERTIFIED, text))
    return topic


def _headers(
    message: ApnsMessage, push_type: ApnsPushType, topic: str, priority: bytes, now: float
) -> tuple[tuple[bytes, bytes], ...]:
    headers = [
        (b"apns-topic", topic.encode()),
        (b"apns-push-type", PUSH_TYPES[push_type][0].encode()),
        (b"apns-priority", priority),
    ]
    if message.HasField("time_to_live"):
        seconds = message.time_to_live.seconds
        headers.append((b"apns-expiration", b"%d" % (int(now) + seconds if seconds else 0)))
    if message.collapse_id:
        headers.append((b"apns-collapse-id", _collapse_id(message.collapse_id)))
    return tuple(headers)


def _collapse_id(value: str) -> bytes:
    """Check what variables may have changed since `check_message`."""
    encoded = value.encode()
    if len(encoded) > MAX_COLLAPSE_ID:
        raise _invalid(f"collapse_id has {len(encoded)} bytes; APNs takes at most {MAX_COLLAPSE_ID}")
    if problem := header_problem(value):
        raise _invalid(f"collapse_id {problem}, which a header cannot carry")
    return encoded


def _encode(document: dict[str, Any]) -> bytes:
    try:
        return json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    except UnicodeEncodeError:
        raise _invalid("a text holds half a character (an unpaired surrogate)") from None
    except ValueError:
        raise _invalid("a number is NaN or infinite, which JSON does not know") from None


def _invalid(message: str) -> _Refused:
    return _Refused(refusal(err.ERROR_REASON_CONTENT_INVALID, message))
