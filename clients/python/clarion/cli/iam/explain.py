"""`clarion iam simulate`, `validate`, `whoami` and `assume-role`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clarion.cli.exits import Exit
from clarion.cli.iam.common import DocumentFile, print_message, print_messages, read_document
from clarion.cli.pairs import pairs
from clarion.cli.render import tags_text, time_text
from clarion.cli.session import bad_usage, session
from clarion.iam.requests import simulation_context
from clarion.iam.v1 import simulation_pb2
from clarion.messages import enum_name

_Pairs = list[str] | None


def simulate(
    context: typer.Context,
    action: Annotated[list[str], typer.Argument(metavar="ACTION...", help="Such as mobiletargeting:SendMessages.")],
    *,
    principal: Annotated[str | None, typer.Option(metavar="PRINCIPAL", help="user/NAME or role/NAME.")] = None,
    document: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="A further policy; may be repeated.")
    ] = None,
    resource: Annotated[list[str] | None, typer.Option(metavar="ARN", help="Default: `*`; may be repeated.")] = None,
    source_ip: Annotated[str, typer.Option(metavar="ADDRESS", help="aws:SourceIp.")] = "",
    resource_tag: Annotated[_Pairs, typer.Option(metavar="KEY=VALUE", help="aws:ResourceTag/KEY.")] = None,
    request_tag: Annotated[_Pairs, typer.Option(metavar="KEY=VALUE", help="aws:RequestTag/KEY.")] = None,
    mfa: Annotated[bool, typer.Option("--mfa", help="aws:MultiFactorAuthPresent.")] = False,
) -> None:
    """Tell what would be decided, and why. Exit code 1 when something is denied."""
    current = session(context)
    conditions = simulation_context(
        source_ip=source_ip,
        resource_tags=pairs(resource_tag or [], "--resource-tag"),
        request_tags=pairs(request_tag or [], "--request-tag"),
        mfa=mfa,
    )
    with current.client() as client, bad_usage("--principal"):
        results = client.iam.simulate_policy(
            action,
            resource or [],
            principal=principal,
            documents=[read_document(file) for file in document or []],
            context=conditions,
        )
    rows = [
        [
            result.action,
            result.resource,
            enum_name(simulation_pb2.PolicyDecision, result.decision).lower().replace("_", " "),
            ", ".join(f"{each.policy}[{each.index}]" for each in result.matched_statements) or result.explanation,
        ]
        for result in results
    ]
    print_messages(current, results, ["ACTION", "RESOURCE", "DECISION", "BECAUSE OF"], rows, "nothing was asked")
    if any(result.decision != simulation_pb2.POLICY_DECISION_ALLOWED for result in results):
        raise typer.Exit(Exit.SOME_FAILED)


def validate(
    context: typer.Context,
    document: DocumentFile,
    *,
    kind: Annotated[
        str,
        typer.Option(
            metavar="KIND",
            help="identity, resource, trust, service-control, endpoint, permissions-boundary or session.",
        ),
    ] = "identity",
) -> None:
    """Tell what is wrong or dangerous in a policy document. Exit code 1 when it would be refused."""
    current = session(context)
    with current.client() as client, bad_usage("--kind"):
        findings = client.iam.validate_policy(read_document(document), kind=kind)
    rows = [
        [
            enum_name(simulation_pb2.FindingSeverity, each.severity).lower().replace("_", " "),
            each.code,
            each.path,
            f"{each.message}; {each.remedy}",
        ]
        for each in findings
    ]
    print_messages(current, findings, ["SEVERITY", "CODE", "WHERE", "WHAT"], rows, "nothing was found")
    if any(each.severity == simulation_pb2.FINDING_SEVERITY_ERROR for each in findings):
        raise typer.Exit(Exit.SOME_FAILED)


def whoami(context: typer.Context) -> None:
    """Tell who the server takes this client for."""
    current = session(context)
    with current.client() as client:
        who = client.iam.get_caller_identity()
    fields = {
        "arn": who.arn,
        "account": who.account or "none",
        "kind": who.kind,
        "credential": who.credential,
        "tags": tags_text(who.tags) or "none",
        "expires": time_text(who.expire_time) if who.HasField("expire_time") else "never",
    }
    print_message(current, who, fields)


def assume_role(
    context: typer.Context,
    role_arn: Annotated[str, typer.Argument(metavar="ROLE_ARN", help="ARN of the role.")],
    session_name: Annotated[str, typer.Argument(metavar="SESSION", help="Tells sessions of the role apart.")],
    *,
    policy: Annotated[list[Path] | None, typer.Option(metavar="FILE", help="Limits it; may be repeated.")] = None,
    duration: Annotated[int | None, typer.Option(metavar="SECONDS", help="Default: an hour.")] = None,
    tag: Annotated[_Pairs, typer.Option(metavar="KEY=VALUE", help="A tag of the session; may be repeated.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only the token.")] = False,
) -> None:
    """Open a session of a role, and print its token: a secret, for CLARION_TOKEN."""
    current = session(context)
    with current.client() as client:
        made = client.iam.assume_role(
            role_arn,
            session_name,
            policies=[read_document(file) for file in policy or []],
            duration=duration,
            tags=pairs(tag or [], "--tag"),
        )
    if quiet:
        print(made.token)
    else:
        fields = {"arn": made.assumed_role_arn, "expires": time_text(made.expire_time), "token": made.token}
        print_message(current, made, fields)
