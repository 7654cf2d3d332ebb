"""`clarion channels`: the channels of an app and their credentials."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clarion.cli.exits import Exit
from clarion.cli.render import print_channel, print_channels, print_verdict
from clarion.cli.session import bad_usage, read_secret, session
from clarion.credentials import (
    ApnsCertificate,
    ApnsKey,
    FcmServiceAccount,
    adm_channel,
    apns_channel,
    baidu_channel,
    channel_settings,
    fcm_channel,
)
from clarion.messages import channel_type
from clarion.v1.channel_pb2 import VERDICT_VALID, ChannelSettings

commands = typer.Typer(
    no_args_is_help=True,
    help="Channels: a provider and the app's credentials there. What is not given stays as it is.",
)

_App = Annotated[str, typer.Option("--app", metavar="APP_ID", help="Id of the app.")]
_Type = Annotated[str, typer.Argument(metavar="CHANNEL", help="Type of the channel, such as APNS or FCM.")]
_File = Path | None


@commands.command("set-apns")
def set_apns(
    context: typer.Context,
    *,
    app: _App,
    type_: Annotated[str, typer.Option("--type", help="APNS, APNS_SANDBOX, APNS_VOIP or APNS_VOIP_SANDBOX.")] = "APNS",
    bundle_id: Annotated[str, typer.Option(help="Bundle identifier of the app, such as com.example.app.")] = "",
    key: Annotated[_File, typer.Option(help="Signing key: the .p8 file.")] = None,
    key_id: Annotated[str, typer.Option(help="Id of the signing key, 10 characters.")] = "",
    team_id: Annotated[str, typer.Option(help="Id of the Apple developer team, 10 characters.")] = "",
    p12: Annotated[_File, typer.Option(help="Certificate: the .p12 file.")] = None,
    p12_password_file: Annotated[_File, typer.Option(help="File with the password of --p12.")] = None,
    p12_password_env: Annotated[str | None, typer.Option(help="Environment variable with it. Default: ask.")] = None,
    cert: Annotated[_File, typer.Option(help="Certificate: the PEM file.")] = None,
    private_key: Annotated[_File, typer.Option(help="Private key of --cert: a PEM file.")] = None,
    default_authentication: Annotated[
        str | None, typer.Option(help="SIGNING_KEY or CERTIFICATE, for a channel that has both.")
    ] = None,
) -> None:
    """Create or change an APNs channel."""
    if key is not None and not (key_id and team_id):
        raise typer.BadParameter("needs --key-id and --team-id beside it", param_hint="--key")
    if key is None and (key_id or team_id):
        raise typer.BadParameter("belong to --key, which is missing", param_hint="--key-id, --team-id")
    if p12 is not None and (cert is not None or private_key is not None):
        raise typer.BadParameter("give one certificate: --p12, or --cert with --private-key", param_hint="--p12")
    if (cert is None) != (private_key is None):
        raise typer.BadParameter("are given together or not at all", param_hint="--cert, --private-key")
    signing_key = certificate = None
    if key is not None:
        with bad_usage("--key"):
            signing_key = ApnsKey.from_file(key, key_id, team_id)
    if p12 is not None:
        options = "--p12-password-file or --p12-password-env"
        password = read_secret(p12_password_file, p12_password_env, f"Password of {p12.name} (empty: none)", options)
        with bad_usage("--p12"):
            certificate = ApnsCertificate.from_p12(p12, password)
    elif cert is not None and private_key is not None:
        with bad_usage("--cert, --private-key"):
            certificate = ApnsCertificate.from_pem(cert, private_key)
    with bad_usage("--type, --default-authentication"):
        settings = apns_channel(
            type_,
            bundle_id=bundle_id,
            key=signing_key,
            certificate=certificate,
            default_authentication_method=default_authentication,
        )
    _update(context, app, settings)


@commands.command("set-fcm")
def set_fcm(
    context: typer.Context,
    *,
    app: _App,
    service_account: Annotated[_File, typer.Option(help="Service account: the JSON key file.")] = None,
    legacy_key_file: Annotated[_File, typer.Option(help="File with the legacy server key (retired by Google).")] = None,
    presentation: Annotated[
        str | None, typer.Option(help="SYSTEM (FCM draws messages) or PINPOINT_SDK (data for AWS's libraries).")
    ] = None,
    default_authentication: Annotated[
        str | None, typer.Option(help="SERVICE_ACCOUNT or LEGACY_KEY, for a channel that has both.")
    ] = None,
) -> None:
    """Create or change the FCM channel."""
    account = legacy_key = None
    if service_account is not None:
        with bad_usage("--service-account"):
            account = FcmServiceAccount.from_file(service_account)
    if legacy_key_file is not None:
        legacy_key = read_secret(legacy_key_file, None, "", "--legacy-key-file").strip()
    with bad_usage("--presentation, --default-authentication"):
        settings = fcm_channel(
            service_account=account,
            legacy_key=legacy_key,
            presentation=presentation,
            default_authentication_method=default_authentication,
        )
    _update(context, app, settings)


@commands.command("set-adm")
def set_adm(
    context: typer.Context,
    *,
    app: _App,
    client_id: Annotated[str, typer.Option(help="Client id of the security profile.")],
    client_secret_file: Annotated[_File, typer.Option(help="File with the client secret.")] = None,
    client_secret_env: Annotated[str | None, typer.Option(help="Environment variable with it. Default: ask.")] = None,
) -> None:
    """Create or change the ADM channel."""
    secret = read_secret(
        client_secret_file, client_secret_env, "Client secret", "--client-secret-file or --client-secret-env"
    )
    _update(context, app, adm_channel(client_id, secret))


@commands.command("set-baidu")
def set_baidu(
    context: typer.Context,
    *,
    app: _App,
    api_key: Annotated[str, typer.Option(help="API key of the application (it is its public name).")],
    secret_key_file: Annotated[_File, typer.Option(help="File with the secret key.")] = None,
    secret_key_env: Annotated[str | None, typer.Option(help="Environment variable with it. Default: ask.")] = None,
) -> None:
    """Create or change the Baidu channel."""
    secret = read_secret(secret_key_file, secret_key_env, "Secret key", "--secret-key-file or --secret-key-env")
    _update(context, app, baidu_channel(api_key, secret))


@commands.command()
def enable(context: typer.Context, channel: _Type, *, app: _App) -> None:
    """Let a channel send."""
    _switch(context, app, channel, enabled=True)


@commands.command()
def disable(context: typer.Context, channel: _Type, *, app: _App) -> None:
    """Stop a channel from sending; it keeps its credentials."""
    _switch(context, app, channel, enabled=False)


@commands.command("list")
def list_(context: typer.Context, *, app: _App) -> None:
    """List the channels of an app."""
    current = session(context)
    with current.client() as client:
        print_channels(current, client.list_channels(app))


@commands.command()
def get(context: typer.Context, channel: _Type, *, app: _App) -> None:
    """Show a channel; secrets are never shown."""
    current = session(context)
    with bad_usage("CHANNEL"):
        type_ = channel_type(channel)
    with current.client() as client:
        print_channel(current, client.get_channel(app, type_))


@commands.command()
def verify(context: typer.Context, channel: _Type, *, app: _App) -> None:
    """Ask the provider whether it accepts the channel's credentials. Exit code 0 if it does, 1 if not."""
    current = session(context)
    with bad_usage("CHANNEL"):
        type_ = channel_type(channel)
    with current.client() as client:
        answer = client.verify_channel(app, type_)
    print_verdict(current, answer)
    if answer.verdict != VERDICT_VALID:
        raise typer.Exit(Exit.SOME_FAILED)


@commands.command()
def delete(
    context: typer.Context,
    channel: _Type,
    *,
    app: _App,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Remove a channel with its credentials. There is no way back."""
    current = session(context)
    with bad_usage("CHANNEL"):
        type_ = channel_type(channel)
    with current.client() as client:
        if not yes:
            typer.confirm(f"Remove the channel {channel} with its credentials?", abort=True, err=True)
        print_channel(current, client.delete_channel(app, type_))


def _update(context: typer.Context, app_id: str, settings: ChannelSettings) -> None:
    current = session(context)
    with current.client() as client:
        print_channel(current, client.update_channel(app_id, settings))


def _switch(context: typer.Context, app_id: str, channel: str, *, enabled: bool) -> None:
    current = session(context)
    with bad_usage("CHANNEL"):
        settings = channel_settings(channel, enabled=enabled)
    with current.client() as client:
        # Without the version a channel that does not exist would be created.
        version = client.get_channel(app_id, settings.type).version
        print_channel(current, client.update_channel(app_id, settings, expected_version=version))
