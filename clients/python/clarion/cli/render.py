"""Prints the API's objects, as tables for people or as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import Message as ProtoMessage
from google.protobuf.timestamp_pb2 import Timestamp
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from clarion.cli.session import Output, Session
from clarion.messages import enum_name
from clarion.v1 import channel_pb2
from clarion.v1.app_pb2 import App
from clarion.v1.channel_pb2 import Channel
from clarion.v1.quota_pb2 import Quotas

_ADDRESS_WIDTH = 16


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str | Text]],
    *,
    right: Sequence[str] = (),
    fixed: Sequence[str] = (),
) -> Table:
    """Return a table of plain texts.

    Args:
        columns: their titles.
        rows: their cells.
        right: columns that are set flush right.
        fixed: columns that are never cut or wrapped, however narrow the terminal.
    """
    result = Table(box=SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for column in columns:
        if column in right:
            result.add_column(column, justify="right", no_wrap=True)
        elif column in fixed:
            result.add_column(column, no_wrap=True, overflow="ignore")
        else:
            result.add_column(column, overflow="fold")
    for row in rows:
        result.add_row(*(cell if isinstance(cell, Text) else Text(cell) for cell in row))
    return result


def to_json(message: ProtoMessage) -> str:
    """Return a message as one line of JSON, in the names that grpcurl prints too."""
    return json.dumps(json_format.MessageToDict(message), ensure_ascii=False)


def short_address(address: str) -> str:
    """Return an address short enough for a table: its beginning and its end."""
    if len(address) <= _ADDRESS_WIDTH:
        return address
    return f"{address[: _ADDRESS_WIDTH - 7]}…{address[-6:]}"


def print_apps(session: Session, apps: Iterable[App]) -> None:
    """Print a list of apps."""
    if session.output is Output.JSON:
        _print_json(session, [json_format.MessageToDict(app) for app in apps])
        return
    rows = [[app.id, app.name, _time(app.create_time), _tags(app.tags)] for app in apps]
    if rows:
        session.out.print(table(["ID", "NAME", "CREATED (UTC)", "TAGS"], rows, fixed=["ID"]))
    else:
        session.err.print("no apps; make one with: clarion apps create NAME")


def print_app(session: Session, app: App) -> None:
    """Print one app."""
    if session.output is Output.JSON:
        _print_json(session, json_format.MessageToDict(app))
        return
    _print_fields(
        session,
        {
            "id": app.id,
            "name": app.name,
            "arn": app.arn,
            "tags": _tags(app.tags) or "none",
            "created": _time(app.create_time),
            "changed": _time(app.update_time),
        },
    )


def print_tags(session: Session, tags: dict[str, str]) -> None:
    """Print the tags of an app."""
    if session.output is Output.JSON:
        _print_json(session, tags)
    elif tags:
        session.out.print(table(["KEY", "VALUE"], sorted(tags.items())))
    else:
        session.err.print("no tags")


def print_channels(session: Session, channels: Sequence[Channel]) -> None:
    """Print the channels of an app."""
    if session.output is Output.JSON:
        _print_json(session, [json_format.MessageToDict(channel) for channel in channels])
        return
    if not channels:
        session.err.print("no channels; make one with: clarion channels set-apns, set-fcm, set-adm or set-baidu")
        return
    rows = [
        [
            enum_name(channel_pb2.ChannelType, channel.type),
            "yes" if channel.enabled else "no",
            ", ".join(_kind(credential) for credential in channel.credentials) or "none",
            str(channel.version),
            _time(channel.update_time),
        ]
        for channel in channels
    ]
    session.out.print(
        table(
            ["CHANNEL", "ENABLED", "CREDENTIALS", "VERSION", "CHANGED (UTC)"],
            rows,
            right=["VERSION"],
            fixed=["CHANNEL"],
        )
    )


def print_channel(session: Session, channel: Channel) -> None:
    """Print one channel; there are no secrets in it."""
    if session.output is Output.JSON:
        _print_json(session, json_format.MessageToDict(channel))
        return
    fields = {
        "channel": enum_name(channel_pb2.ChannelType, channel.type),
        "app": channel.app_id,
        "enabled": "yes" if channel.enabled else "no",
    }
    if channel.HasField("apns"):
        fields["bundle id"] = channel.apns.bundle_id or "none"
        if method := channel.apns.default_authentication_method:
            fields["authentication"] = enum_name(channel_pb2.ApnsAuthenticationMethod, method)
    if channel.HasField("fcm"):
        fields["project"] = channel.fcm.project_id or "none"
        fields["presentation"] = enum_name(channel_pb2.FcmPresentation, channel.fcm.presentation)
        if fcm_method := channel.fcm.default_authentication_method:
            fields["authentication"] = enum_name(channel_pb2.FcmAuthenticationMethod, fcm_method)
    for credential in channel.credentials:
        expiry = f", expires {_time(credential.expire_time)}" if credential.HasField("expire_time") else ""
        team = f", team {credential.team_id}" if credential.team_id else ""
        public = f" {credential.public_id}" if credential.public_id else ""
        fields[_kind(credential)] = f"{public}{team}{expiry}, sha256 {credential.fingerprint[:12]}…".lstrip(" ,")
    if not channel.credentials:
        fields["credentials"] = "none: nothing can be sent on this channel"
    fields["version"] = f"{channel.version}, changed {_time(channel.update_time)} by {channel.updated_by}"
    _print_fields(session, fields)


def print_quotas(session: Session, effective: Quotas, given: Quotas) -> None:
    """Print quotas: those in force, and which of them were set."""
    if session.output is Output.JSON:
        found = {"effective": json_format.MessageToDict(effective), "set": json_format.MessageToDict(given)}
        _print_json(session, found)
        return
    fields = {}
    for field in effective.DESCRIPTOR.fields:
        value = f"{getattr(effective, field.name):,}" if effective.HasField(field.name) else "the account's"
        fields[field.name.replace("_", " ")] = f"{value}, set here" if given.HasField(field.name) else value
    _print_fields(session, fields)


def _print_fields(session: Session, fields: dict[str, str]) -> None:
    width = max(map(len, fields))
    for name, value in fields.items():
        # Not wrapped, so that ids and ARNs can be copied whole.
        session.out.print(Text(f"{name:<{width}}  ", style="bold").append(value, style="not bold"), soft_wrap=True)


def _print_json(session: Session, document: Any) -> None:
    indent = 2 if session.out.is_terminal else None
    session.out.print(json.dumps(document, ensure_ascii=False, indent=indent), soft_wrap=True)


def _kind(credential: channel_pb2.Credential) -> str:
    name = enum_name(channel_pb2.CredentialKind, credential.kind)
    return (
        name.removeprefix("APNS_")
        .removeprefix("FCM_")
        .removeprefix("ADM_")
        .removeprefix("BAIDU_")
        .lower()
        .replace("_", " ")
    )


def _tags(tags: Mapping[str, str]) -> str:
    return ", ".join(f"{key}={value}" for key, value in sorted(tags.items()))


def _time(timestamp: Timestamp) -> str:
    return timestamp.ToDatetime().strftime("%Y-%m-%d %H:%M")
