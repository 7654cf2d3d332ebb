"""`clarion iam policies`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from clarion.cli.iam.common import (
    DocumentFile,
    PolicyArn,
    PrincipalName,
    print_done,
    print_message,
    print_messages,
    read_document,
)
from clarion.cli.render import print_json, time_text
from clarion.cli.session import Output, bad_usage, session
from clarion.iam.v1.policies_pb2 import ManagedPolicy

commands = typer.Typer(no_args_is_help=True, help="Policies: what may be done, and who has them.")

_Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the policy.")]
_Kind = Annotated[str, typer.Argument(metavar="KIND", help="service-control or endpoint.")]
_AppId = Annotated[str, typer.Argument(metavar="APP_ID", help="Id of the app, as `clarion apps list` shows it.")]


@commands.command()
def create(
    context: typer.Context,
    name: _Name,
    document: DocumentFile,
    *,
    description: Annotated[str, typer.Option(help="For people.")] = "",
) -> None:
    """Make a managed policy."""
    current = session(context)
    with current.client() as client:
        policy = client.iam.create_policy(name, read_document(document), description=description)
    print_message(current, policy, _fields(policy))


@commands.command("list")
def list_(
    context: typer.Context,
    *,
    scope: Annotated[str, typer.Option(metavar="SCOPE", help="local or built-in. Default: both.")] = "",
) -> None:
    """List managed policies, without their documents."""
    current = session(context)
    with current.client() as client, bad_usage("--scope"):
        policies = list(client.iam.list_policies(scope=scope))
    rows = [[each.name, each.arn, each.description] for each in policies]
    print_messages(current, policies, ["NAME", "ARN", "DESCRIPTION"], rows, "no policies")


@commands.command()
def get(context: typer.Context, policy_arn: PolicyArn) -> None:
    """Show a managed policy with its document."""
    current = session(context)
    with current.client() as client:
        policy = client.iam.get_policy(policy_arn)
    print_message(current, policy, _fields(policy))


@commands.command()
def update(
    context: typer.Context,
    policy_arn: PolicyArn,
    *,
    document: Annotated[Path | None, typer.Option(metavar="FILE", help="New document; `-` is standard input.")] = None,
    description: Annotated[str | None, typer.Option(help="For people; empty removes it.")] = None,
) -> None:
    """Change a managed policy, for all that have it."""
    current = session(context)
    with current.client() as client:
        policy = client.iam.update_policy(
            policy_arn,
            document=None if document is None else read_document(document),
            description=description,
        )
    print_message(current, policy, _fields(policy))


@commands.command()
def delete(context: typer.Context, policy_arn: PolicyArn) -> None:
    """Remove a managed policy that nobody has."""
    current = session(context)
    with current.client() as client:
        policy = client.iam.delete_policy(policy_arn)
    print_message(current, policy, _fields(policy))


@commands.command()
def attach(context: typer.Context, principal: PrincipalName, policy_arn: PolicyArn) -> None:
    """Give a managed policy to a user, group or role."""
    current = session(context)
    with current.client() as client, bad_usage("PRINCIPAL"):
        client.iam.attach_policy(principal, policy_arn)
    print_done(current, f"{principal} has {policy_arn}")


@commands.command()
def detach(context: typer.Context, principal: PrincipalName, policy_arn: PolicyArn) -> None:
    """Take a managed policy away."""
    current = session(context)
    with current.client() as client, bad_usage("PRINCIPAL"):
        client.iam.detach_policy(principal, policy_arn)
    print_done(current, f"{principal} has {policy_arn} no more")


@commands.command("put-inline")
def put_inline(context: typer.Context, principal: PrincipalName, name: _Name, document: DocumentFile) -> None:
    """Write a policy into a user, group or role, or replace the one of the same name."""
    current = session(context)
    with current.client() as client, bad_usage("PRINCIPAL"):
        client.iam.put_inline_policy(principal, name, read_document(document))
    print_done(current, f"{principal} has the inline policy {name}")


@commands.command("delete-inline")
def delete_inline(context: typer.Context, principal: PrincipalName, name: _Name) -> None:
    """Remove an inline policy."""
    current = session(context)
    with current.client() as client, bad_usage("PRINCIPAL"):
        client.iam.delete_inline_policy(principal, name)
    print_done(current, f"{principal} has the inline policy {name} no more")


@commands.command("of")
def of_principal(context: typer.Context, principal: PrincipalName) -> None:
    """Show the policies of a user, group or role: ARNs of managed ones, documents of inline ones."""
    current = session(context)
    with current.client() as client, bad_usage("PRINCIPAL"):
        attached = client.iam.list_attached_policies(principal)
        inline = client.iam.list_inline_policies(principal)
    if current.output is Output.JSON:
        print_json(current, {"attached": attached, "inline": inline})
        return
    for arn in attached:
        current.out.print(Text(arn), soft_wrap=True)
    for name, text in inline.items():
        current.out.print(Text(f"{name}: {text}"), soft_wrap=True)
    if not attached and not inline:
        current.err.print("no policies")


@commands.command("set-boundary")
def set_boundary(context: typer.Context, principal: PrincipalName, policy_arn: PolicyArn) -> None:
    """Limit a user or role to what a managed policy allows."""
    current = session(context)
    with current.client() as client, bad_usage("PRINCIPAL"):
        client.iam.put_permissions_boundary(principal, policy_arn)
    print_done(current, f"{principal} is limited by {policy_arn}")


@commands.command("clear-boundary")
def clear_boundary(context: typer.Context, principal: PrincipalName) -> None:
    """Take the limit of a user or role away."""
    current = session(context)
    with current.client() as client, bad_usage("PRINCIPAL"):
        client.iam.delete_permissions_boundary(principal)
    print_done(current, f"{principal} has no boundary")


@commands.command("put-account")
def put_account(context: typer.Context, kind: _Kind, document: DocumentFile) -> None:
    """Set a limit of the whole account."""
    current = session(context)
    with current.client() as client, bad_usage("KIND"):
        client.iam.put_account_policy(kind, read_document(document))
    print_done(current, f"the {kind} policy is set")


@commands.command("get-account")
def get_account(context: typer.Context, kind: _Kind) -> None:
    """Show a limit of the whole account."""
    current = session(context)
    with current.client() as client, bad_usage("KIND"):
        current.out.print(Text(client.iam.get_account_policy(kind)), soft_wrap=True)


@commands.command("delete-account")
def delete_account(context: typer.Context, kind: _Kind) -> None:
    """Take a limit of the whole account away."""
    current = session(context)
    with current.client() as client, bad_usage("KIND"):
        client.iam.delete_account_policy(kind)
    print_done(current, f"there is no {kind} policy any more")


@commands.command("put-app")
def put_app(context: typer.Context, app_id: _AppId, document: DocumentFile) -> None:
    """Set the resource-based policy of an app."""
    current = session(context)
    with current.client() as client:
        client.iam.put_app_policy(app_id, read_document(document))
    print_done(current, "the app's policy is set")


@commands.command("get-app")
def get_app(context: typer.Context, app_id: _AppId) -> None:
    """Show the resource-based policy of an app."""
    current = session(context)
    with current.client() as client:
        current.out.print(Text(client.iam.get_app_policy(app_id)), soft_wrap=True)


@commands.command("delete-app")
def delete_app(context: typer.Context, app_id: _AppId) -> None:
    """Remove the resource-based policy of an app."""
    current = session(context)
    with current.client() as client:
        client.iam.delete_app_policy(app_id)
    print_done(current, "the app has no policy any more")


def _fields(policy: ManagedPolicy) -> dict[str, str]:
    return {
        "name": policy.name,
        "arn": policy.arn,
        "description": policy.description or "none",
        "built in": "yes" if policy.built_in else "no",
        "changed": time_text(policy.update_time) if policy.HasField("update_time") else "never",
        "version": str(policy.version),
        "document": policy.document,
    }
