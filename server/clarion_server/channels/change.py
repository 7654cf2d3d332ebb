"""Reading an UpdateChannelRequest: what it changes and what is wrong with it. Pure; nothing of the store is known here.

What can be set, and so be named by update_mask: `enabled`, the plain fields of the provider's settings
(`apns.bundle_id`), and credentials as a whole (`apns.signing_key`). `type` says which channel is meant.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from google.protobuf.descriptor import FieldDescriptor

from clarion.v1 import error_pb2
from clarion.v1.channel_pb2 import (
    ApnsConfig,
    ChannelSettings,
    ChannelType,
    CredentialKind,
    FcmConfig,
    UpdateChannelRequest,
)
from clarion_server.errors import FieldViolation
from clarion_server.model import Credential
from clarion_server.providers.contract import Provider

_MAX_MASK_PATHS = 100


@dataclass(slots=True)
class Change:
    """What an UpdateChannelRequest asks for.

    Attributes:
        channel_type: the channel's type.
        provider: who serves that type.
        enabled: the new value; None leaves it as it is, and a new channel enabled.
        values: plain fields of the provider's settings to set, by name; None means the default.
        given: new credentials.
        removed: kinds of credentials to remove.
        violations: all that is wrong with the request so far. The fields at fault are not part of the change.
    """

    channel_type: ChannelType
    provider: Provider
    enabled: bool | None = None
    values: dict[str, Any] = field(default_factory=dict)
    given: dict[CredentialKind, Credential] = field(default_factory=dict)
    removed: set[CredentialKind] = field(default_factory=set)
    violations: list[FieldViolation] = field(default_factory=list)

    @property
    def path(self) -> str:
        """Path of the provider's settings from the root of the request."""
        return f"channel.{self.provider.settings_field}"

    @property
    def touches_settings(self) -> bool:
        """Whether it changes more than `enabled`."""
        return bool(self.values or self.given or self.removed)

    def settings(self, config: ApnsConfig | FcmConfig | None) -> Any:
        """Return the provider's settings message after the change, without credentials.

        Args:
            config: the channel's config before; its fields of the same name are the settings from which it was made.
        """
        settings = _empty_settings(self.provider.settings_field)
        if config is not None:
            for name in _plain_fields(self.provider):
                setattr(settings, name, getattr(config, name))
        for name, value in self.values.items():
            if value is None:
                settings.ClearField(name)
            else:
                setattr(settings, name, value)
        return settings


def read_change(
    request: UpdateChannelRequest, providers: Mapping[ChannelType, Provider]
) -> tuple[Change | None, list[FieldViolation]]:
    """Read what a request changes.

    Returns:
        The change and what is wrong with it (the same list as `Change.violations`); no change when it is not even clear
        which channel is meant.
    """
    violations: list[FieldViolation] = []
    if not request.app_id:
        violations.append(_required("app_id", "give the id of an app, as ListApps tells it"))
    if request.HasField("expected_version") and request.expected_version < 0:
        violations.append(
            FieldViolation(
                "expected_version",
                error_pb2.ERROR_REASON_FIELD_OUT_OF_RANGE,
                "is negative; give the channel's version, 0 for one that must not exist, or nothing",
            )
        )
    channel = request.channel
    provider = providers.get(channel.type)
    if not request.HasField("channel"):
        violations.append(_required("channel", "give the channel, with its type"))
    elif not channel.type:
        violations.append(_required("channel.type", "give the channel's type"))
    elif provider is None:
        violations.append(unknown_enum("channel.type", "channel type"))
    if provider is None:
        return None, violations

    change = Change(channel.type, provider, violations=violations)
    ours = provider.settings_field
    which = channel.WhichOneof("settings")
    if which not in {None, ours}:
        change.violations.append(
            FieldViolation(
                f"channel.{which}",
                error_pb2.ERROR_REASON_FIELD_CONFLICT,
                f"contradicts channel.type: {ChannelType.Name(channel.type)} has its settings in channel.{ours}",
            )
        )
    named = _read_mask(request, change)
    if channel.HasField("enabled"):
        change.enabled = channel.enabled
    elif named is not None and "enabled" in named:
        change.enabled = True  # the default
    settings = getattr(channel, ours)
    _read_values(change, settings, named)
    _read_credentials(change, settings, named)
    return change, change.violations


def _required(path: str, remedy: str) -> FieldViolation:
    return FieldViolation(path, error_pb2.ERROR_REASON_FIELD_REQUIRED, f"is required; {remedy}")


def unknown_enum(path: str, what: str) -> FieldViolation:
    """Return the violation of an enum field with a number that this server does not know."""
    return FieldViolation(
        path,
        error_pb2.ERROR_REASON_FIELD_UNKNOWN,
        f"is a number that names no {what} on this server; use one of this API's description",
    )


def _read_mask(request: UpdateChannelRequest, change: Change) -> set[str] | None:
    """Return the named paths: `enabled`, and fields of the provider's settings by their bare names.

    None stands for an absent mask, for an empty one (which clients send that have none; it cannot mean "change
    nothing"), and for one that is refused as a whole.
    """
    paths = request.update_mask.paths
    if not paths:
        return None
    if len(paths) > _MAX_MASK_PATHS:
        change.violations.append(
            FieldViolation(
                "update_mask.paths",
                error_pb2.ERROR_REASON_FIELD_TOO_LONG,
                f"has {len(paths)} paths; name each once, at most {_MAX_MASK_PATHS}",
            )
        )
        return None
    ours = change.provider.settings_field
    meanings = {f"{ours}.{field.name}": field.name for field in _empty_settings(ours).DESCRIPTOR.fields}
    meanings["enabled"] = "enabled"
    for number, path in enumerate(paths):
        if path not in meanings:
            # The path is not quoted: a client that mixes up its arguments may have put anything there.
            change.violations.append(
                FieldViolation(
                    f"update_mask.paths[{number}]",
                    error_pb2.ERROR_REASON_FIELD_UNKNOWN,
                    f"names nothing that can be set on a {ChannelType.Name(change.channel_type)} channel; "
                    f"use {', '.join(sorted(meanings))}",
                )
            )
    named = {meanings[path] for path in paths if path in meanings}
    _refuse_unnamed(request, change, named)
    return named


def _refuse_unnamed(request: UpdateChannelRequest, change: Change, named: set[str]) -> None:
    """Refuse what is given but not named: it would be passed over in silence."""
    settings = getattr(request.channel, change.provider.settings_field)
    given = {descriptor.name: f"{change.path}.{descriptor.name}" for descriptor, _ in settings.ListFields()}
    if request.channel.HasField("enabled"):
        given["enabled"] = "channel.enabled"
    change.violations.extend(
        FieldViolation(
            path,
            error_pb2.ERROR_REASON_FIELD_CONFLICT,
            "is given, but update_mask does not name it; name it there, or leave it out",
        )
        for name, path in given.items()
        if name not in named
    )


def _read_values(change: Change, settings: Any, named: set[str] | None) -> None:
    given = {descriptor.name for descriptor, _ in settings.ListFields()}
    for name, descriptor in _plain_fields(change.provider).items():
        if name not in (given if named is None else named):
            continue
        value = getattr(settings, name) if name in given else None
        enum = descriptor.enum_type
        if value is not None and enum is not None and value not in enum.values_by_number:
            change.violations.append(unknown_enum(f"{change.path}.{name}", name.replace("_", " ")))
            continue
        change.values[name] = value


def _read_credentials(change: Change, settings: Any, named: set[str] | None) -> None:
    wanted = _empty_settings(change.provider.settings_field)
    for name, kind in change.provider.credential_fields.items():
        if named is not None and name not in named:
            continue
        if settings.HasField(name):
            getattr(wanted, name).CopyFrom(getattr(settings, name))
            getattr(wanted, name).SetInParent()
        elif named is not None:
            change.removed.add(kind)
    if not wanted.ListFields():
        return
    given, violations = change.provider.read_credentials(wanted)
    change.given.update(given)
    change.violations.extend(each.under(change.path) for each in violations)


def _plain_fields(provider: Provider) -> dict[str, FieldDescriptor]:
    """Return the fields of the provider's settings that are no credentials."""
    fields = _empty_settings(provider.settings_field).DESCRIPTOR.fields
    return {f.name: cast("FieldDescriptor", f) for f in fields if f.name not in provider.credential_fields}


def _empty_settings(settings_field: str) -> Any:
    """Return an empty message of the type of that field in ChannelSettings."""
    return getattr(ChannelSettings(), settings_field)
