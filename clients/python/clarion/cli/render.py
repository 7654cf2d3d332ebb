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

from clarion.audit.v1.audit_pb2 import Event
from clarion.cli.session import Output, Session
from clarion.messages import enum_name
from clarion.v1 import channel_pb2
from clarion.v1.app_pb2 import App
from clarion.v1.channel_pb2 import Channel, VerifyChannelResponse
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
        print_json(session, [json_format.MessageToDict(app) for app in apps])
        return
    rows = [[app.id, app.name, time_text(app.create_time), tags_text(app.tags)] for app in apps]
    if rows:
        session.out.print(table(["ID", "NAME", "CREATED (UTC)", "TAGS"], rows, fixed=["ID"]))
    else:
        session.err.print("no apps; make one with: clarion apps create NAME")


def print_app(session: Session, app: App) -> None:
    """Print one app."""
    if session.output is Output.JSON:
        print_json(session, json_format.MessageToDict(app))
        return
    print_fields(
        session,
        {
            "id": app.id,
            "name": app.name,
            "arn": app.arn,
            "tags": tags_text(app.tags) or "none",
            "created": time_text(app.create_time),
            "changed": time_text(app.update_time),
        },
    )


def print_tags(session: Session, tags: dict[str, str]) -> None:
    """Print the tags of an app."""
    if session.output is Output.JSON:
        print_json(session, tags)
    elif tags:
        session.out.print(table(["KEY", "VALUE"], sorted(tags.items())))
    else:
        session.err.print("no tags")


def print_channels(session: Session, channels: Sequence[Channel]) -> None:
    """Print the channels of an app."""
    if session.output is Output.JSON:
        print_json(session, [json_format.MessageToDict(channel) for channel in channels])
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
            time_text(channel.update_time),
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
        print_json(session, json_format.MessageToDict(channel))
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
        expiry = f", expires {time_text(credential.expire_time)}" if credential.HasField("expire_time") else ""
        team = f", team {credential.team_id}" if credential.team_id else ""
        public = f" {credential.public_id}" if credential.public_id else ""
        notices = "".join(f"; {enum_name(channel_pb2.CredentialNotice, notice)}" for notice in credential.notices)
        notices = notices.lower().replace("_", " ")
        shown = f"{public}{team}{expiry}, sha256 {credential.fingerprint[:12]}…{notices}"
        fields[_kind(credential)] = shown.lstrip(" ,")
    if not channel.credentials:
        fields["credentials"] = "none: nothing can be sent on this channel"
    fields["version"] = f"{channel.version}, changed {time_text(channel.update_time)} by {channel.updated_by}"
    print_fields(session, fields)


def print_verdict(session: Session, answer: VerifyChannelResponse) -> None:
    """Print what the provider thinks of a channel's credentials."""
    if session.output is Output.JSON:
        print_json(session, json_format.MessageToDict(answer))
        return
    fields = {"verdict": enum_name(channel_pb2.Verdict, answer.verdict).lower()}
    for each in answer.credentials:
        status = f" (status {each.status_code}{' ' if each.provider_reason else ''}{each.provider_reason})"
        told = status if each.HasField("status_code") else ""
        verdict = enum_name(channel_pb2.Verdict, each.verdict).lower()
        fields[_kind(each)] = f"{each.public_id} {verdict}: {each.message}{told}".lstrip()
    if not answer.credentials:
        fields["credentials"] = "none: nothing can be sent on this channel"
    print_fields(session, fields)


def print_events(session: Session, events: Iterable[Event]) -> None:
    """Print audit events, newest first; as JSON one a line, as they come."""
    if session.output is Output.JSON:
        for event in events:
            session.out.print(to_json(event), soft_wrap=True)
        return
    rows = [
        [
            event.time.ToDatetime().strftime("%Y-%m-%d %H:%M:%S"),
            _short(event.principal.arn),
            event.action,
            _short(event.resource),
            event.outcome,
            event.id,
        ]
        for event in events
    ]
    if rows:
        columns = ["TIME (UTC)", "PRINCIPAL", "ACTION", "RESOURCE", "OUTCOME", "REQUEST"]
        session.out.print(table(columns, rows, fixed=["TIME (UTC)"]))
    else:
        session.err.print("no events match")


def _short(arn: str) -> str:
    """Return what tells an ARN from others of its account, such as `user/ann`; all if it is no ARN."""
    return arn.split(":", 5)[-1]


def print_quotas(session: Session, effective: Quotas, given: Quotas) -> None:
    """Print quotas: those in force, and which of them were set."""
    if session.output is Output.JSON:
        found = {"effective": json_format.MessageToDict(effective), "set": json_format.MessageToDict(given)}
        print_json(session, found)
        return
    fields = {}
    for field in effective.DESCRIPTOR.fields:
        value = f"{getattr(effective, field.name):,}" if effective.HasField(field.name) else "the account's"
        fields[field.name.replace("_", " ")] = f"{value}, set here" if given.HasField(field.name) else value
    print_fields(session, fields)


def print_fields(session: Session, fields: dict[str, str]) -> None:
    """Print names and values, one a line."""
    width = max(map(len, fields))
    for name, value in fields.items():
        # Not wrapped, so that ids and ARNs can be copied whole.
        session.out.print(Text(f"{name:<{width}}  ", style="bold").append(value, style="not bold"), soft_wrap=True)


def print_json(session: Session, document: Any) -> None:
    """Print JSON: on one line for programs, indented for people."""
    indent = 2 if session.out.is_terminal else None
    session.out.print(json.dumps(document, ensure_ascii=False, indent=indent), soft_wrap=True)


def _kind(credential: channel_pb2.Credential | channel_pb2.CredentialVerdict) -> str:
    name = enum_name(channel_pb2.CredentialKind, credential.kind)
    return (
        name.removeprefix("APNS_")
        .removeprefix("FCM_")
        .removeprefix("ADM_")
        .removeprefix("BAIDU_")
        .lower()
        .replace("_", " ")
    )


def tags_text(tags: Mapping[str, str]) -> str:
    """Return tags as people read them, empty for none."""
    return ", ".join(f"{key}={value}" for key, value in sorted(tags.items()))


def time_text(timestamp: Timestamp) -> str:
    """Return a moment as people read it, in UTC."""
    return timestamp.ToDatetime().strftime("%Y-%m-%d %H:%M")
