"""What a call wants, in the words of policies: action, resource, tags."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from clarion.v1.channel_pb2 import ChannelType
from clarion_server.rpc.audited import fit_app_id

_TABLE = {
    "clarion.v1.AppService/CreateApp": "mobiletargeting:CreateApp",
    "clarion.v1.AppService/GetApp": "mobiletargeting:GetApp",
    "clarion.v1.AppService/ListApps": "mobiletargeting:GetApps",
    "clarion.v1.AppService/UpdateApp": "clarion:UpdateApp",
    "clarion.v1.AppService/DeleteApp": "mobiletargeting:DeleteApp",
    "clarion.v1.AppService/TagApp": "mobiletargeting:TagResource",
    "clarion.v1.AppService/UntagApp": "mobiletargeting:UntagResource",
    "clarion.v1.AppService/ListAppTags": "mobiletargeting:ListTagsForResource",
    "clarion.v1.ChannelService/UpdateChannel": "mobiletargeting:Update{}Channel",
    "clarion.v1.ChannelService/GetChannel": "mobiletargeting:Get{}Channel",
    "clarion.v1.ChannelService/ListChannels": "mobiletargeting:GetChannels",
    "clarion.v1.ChannelService/DeleteChannel": "mobiletargeting:Delete{}Channel",
    "clarion.v1.MessagingService/SendMessages": "mobiletargeting:SendMessages",
    "clarion.v1.MessagingService/StreamMessages": "mobiletargeting:SendMessages",
    "clarion.v1.MessagingService/PreviewMessage": "clarion:PreviewMessage",
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a call wants.

    Attributes:
        action: for example `mobiletargeting:SendMessages`.
        resource: ARN, `*` if the action has none.
        told_resource: the same for the audit record, without what the caller may have put there by mistake.
        app_id: the app that it is about, empty if none.
        request_tags: tags in the request; those that are removed have an empty value.
        changes_tags: whether the tags of the app are others afterwards.
    """

    action: str
    resource: str
    told_resource: str
    app_id: str = ""
    request_tags: Mapping[str, str] = field(default_factory=dict)
    changes_tags: bool = False

    @property
    def told_app_id(self) -> str:
        """The app's id for the audit record."""
        return fit_app_id(self.app_id)


def wanted(method: str, request: Any, region: str, account: str) -> Wanted:
    """Return what a call of a method wants; `request` is None as long as it is not known."""
    kind = ""
    if request is None:
        return Wanted(_TABLE[method].format(""), "*", "*")
    holder = request.start if "start" in request.DESCRIPTOR.fields_by_name else request
    app_id = getattr(holder, "app_id", "")
    if "channel" in request.DESCRIPTOR.fields_by_name or "type" in request.DESCRIPTOR.fields_by_name:
        number = request.channel.type if "channel" in request.DESCRIPTOR.fields_by_name else request.type
        if number in ChannelType.values():
            kind = ChannelType.Name(number).removeprefix("CHANNEL_TYPE_").title().replace("_", "")
    tags: Mapping[str, str] = {}
    if "tags" in request.DESCRIPTOR.fields_by_name:
        tags = dict(request.tags)
    elif "tag_keys" in request.DESCRIPTOR.fields_by_name:
        tags = dict.fromkeys(request.tag_keys, "")
    prefix = f"arn:aws:mobiletargeting:{region}:{account}:"
    collection = "app_id" not in holder.DESCRIPTOR.fields_by_name
    return Wanted(
        _TABLE[method].format(kind),
        "*" if collection else f"{prefix}apps/{app_id}",
        "*" if collection else f"{prefix}apps/{fit_app_id(app_id)}",
        app_id,
        tags,
        changes_tags=bool(tags) or method.endswith("/DeleteApp"),
    )
