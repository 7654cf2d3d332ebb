"""What is wrong, dangerous or odd about a policy document, also one that can be used."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from clarion_server.access.policy.conditions import Condition, Qualifier
from clarion_server.access.policy.document import load
from clarion_server.access.policy.keys import ValueType, find_key
from clarion_server.access.policy.matching import Actions
from clarion_server.access.policy.model import (
    MAX_SIZE,
    Finding,
    FindingCode,
    PolicyInvalid,
    PolicyKind,
    Severity,
    Statement,
)
from clarion_server.access.policy.parse import CURRENT_VERSION, Reader
from clarion_server.access.policy.principals import TYPES
from clarion_server.access.policy.text import Pattern, make_pattern, read_text

_VARIABLE = re.compile(r"\$\{\s*([^\s,}']+)")
_ESCAPES = frozenset("*?$")
# Where identities and rights are kept: who may do all of it may do everything.
_IDENTITY_SERVICE = "iam"
_GRANTING = frozenset(
    {PolicyKind.IDENTITY, PolicyKind.RESOURCE, PolicyKind.ENDPOINT, PolicyKind.TRUST, PolicyKind.SESSION}
)
# Operators of these types compare with keys of those types as well.
_FITS = {
    ValueType.STRING: frozenset({ValueType.STRING, ValueType.ARN, ValueType.BOOL}),
    ValueType.NUMERIC: frozenset({ValueType.NUMERIC}),
    ValueType.DATE: frozenset({ValueType.DATE}),
    ValueType.BOOL: frozenset({ValueType.BOOL}),
    ValueType.BINARY: frozenset({ValueType.BINARY}),
    ValueType.IP_ADDRESS: frozenset({ValueType.IP_ADDRESS}),
    ValueType.ARN: frozenset({ValueType.ARN}),
}


def validate(
    document: str | Mapping[str, Any], kind: PolicyKind, known_actions: Collection[str], *, max_size: int | None = None
) -> list[Finding]:
    """Return the findings about a document, in the order of the document; errors of the form first.

    Args:
        document: JSON text, or what it would say.
        kind: where the policy is, or will be, attached.
        known_actions: the actions of this server, in AWS's spelling.
        max_size: as for `parse`.
    """
    try:
        content = load(document, MAX_SIZE[kind] if max_size is None else max_size)
    except PolicyInvalid as error:
        return list(error.findings)
    reader = Reader(kind)
    reader.read(content, "")
    actions = {action.lower(): action for action in known_actions}
    findings = [*reader.findings, *_document(content, kind)]
    for statement in reader.statements:
        path = reader.path(statement.index)
        findings += _about_actions(statement, path, actions)
        findings += _about_resources(statement, path)
        findings += _about_principals(statement, path, _names(content, statement.index))
        findings += _about_width(statement, path, kind)
        for condition in statement.conditions:
            findings += _about_condition(condition, statement, path)
        if content.get("Version") == CURRENT_VERSION:
            findings += _about_variables(statement, path)
    return findings


def _document(content: Mapping[str, Any], kind: PolicyKind) -> Iterator[Finding]:
    version = content.get("Version")
    if version is None and kind is not PolicyKind.ENDPOINT:
        yield _finding(
            Severity.WARNING,
            FindingCode.MISSING_VERSION,
            "Version",
            "is missing, so that the grammar of 2008 applies, which has no variables",
            f'write "{CURRENT_VERSION}"',
        )
    if version != CURRENT_VERSION and _VARIABLE.search(str(content.get("Statement"))):
        yield _finding(
            Severity.WARNING,
            FindingCode.OLD_VERSION_WITH_VARIABLE,
            "Version",
            "has no variables, so that ${…} is literal text",
            f'write "{CURRENT_VERSION}"',
        )


def _about_actions(statement: Statement, path: str, known: Mapping[str, str]) -> Iterator[Finding]:
    path = f"{path}.{'NotAction' if statement.actions.inverted else 'Action'}"
    services = {action.partition(":")[0] for action in known}
    named: dict[str, str] = {}
    for text in statement.actions.texts:
        lowered = text.lower()
        if lowered in ("*", "*:*"):
            continue
        service = lowered.partition(":")[0]
        if service not in services:
            yield _finding(
                Severity.WARNING,
                FindingCode.ACTION_OF_OTHER_SERVICE,
                path,
                f"`{text}` is of a service that is not here",
                f"use an action of {', '.join(sorted(services))}, or remove it",
            )
        elif not any(_named(lowered, action) for action in known):
            yield _finding(
                Severity.ERROR,
                FindingCode.UNKNOWN_ACTION,
                path,
                f"`{text}` is, or matches, no action of this server",
                "use one of the table in docs/access.md",
            )
        elif lowered in named:
            yield _finding(
                Severity.SUGGESTION,
                FindingCode.REDUNDANT_ACTION,
                path,
                f"`{text}` is there twice",
                "remove one: names are compared without regard to case",
            )
        named[lowered] = text


def _named(pattern: str, action: str) -> bool:
    return pattern == action or (("*" in pattern or "?" in pattern) and _glob(pattern).matches(action, _NO_REQUEST))


def _glob(text: str) -> Pattern:
    return make_pattern(read_text(text, variables=None, wildcards=True))


# A pattern without variables does not look at the request.
_NO_REQUEST: Any = None


def _about_resources(statement: Statement, path: str) -> Iterator[Finding]:
    path = f"{path}.{'NotResource' if statement.resources.inverted else 'Resource'}"
    for pattern in statement.resources.patterns:
        segments = pattern.segments
        service = segments[2] if len(segments) > 2 else ()
        account = segments[4] if len(segments) > 4 else ()
        problem = ""
        if len(service) == 1 and isinstance(service[0], str) and service[0] not in _SERVICES:
            problem = f"is of the service `{service[0]}`, which is not here"
        elif len(account) == 1 and isinstance(account[0], str) and not re.fullmatch(r"\d{12}|aws", account[0]):
            problem = f"has the account `{account[0]}`, where 12 digits belong"
        elif len(segments) > 5 and not segments[5]:
            problem = "names nothing after the fifth colon"
        if problem:
            yield _finding(
                Severity.ERROR,
                FindingCode.RESOURCE_NEVER_MATCHES,
                path,
                f"a resource {problem}, so that it matches nothing",
                "write arn:aws:mobiletargeting:REGION:ACCOUNT:apps/ID, perhaps with wildcards, or *",
            )


_SERVICES = frozenset({"mobiletargeting", "iam", "sts", "cloudtrail"})


def _about_principals(statement: Statement, path: str, kinds: Collection[str]) -> Iterator[Finding]:
    principals = statement.principals
    if principals is None:
        return
    if principals.inverted:
        yield _finding(
            Severity.WARNING,
            FindingCode.NOT_PRINCIPAL,
            f"{path}.NotPrincipal",
            "denies everyone who is not named with account, role and session, and all who have a permissions boundary",
            "name with Principal whom to deny, or deny * with the condition ArnNotEquals on aws:PrincipalArn",
        )
        return
    for kind in kinds:
        if kind in ("Service", "CanonicalUser"):
            yield _finding(
                Severity.ERROR,
                FindingCode.PRINCIPAL_NEVER_MATCHES,
                f"{path}.Principal.{kind}",
                "names principals of a kind that is not here",
                "name users, roles, sessions or accounts under AWS",
            )


def _about_width(statement: Statement, path: str, kind: PolicyKind) -> Iterator[Finding]:
    """Findings about what grants more than it seems."""
    if not statement.allows or kind not in _GRANTING:
        return
    actions, resources = statement.actions, statement.resources
    limited = bool(statement.conditions)
    principals = statement.principals
    if principals is not None and principals.everyone and kind is not PolicyKind.ENDPOINT and not limited:
        yield _wide(
            FindingCode.ALLOWS_EVERY_PRINCIPAL,
            f"{path}.Principal",
            "allows everyone, of any account, and is limited by no condition",
            "name those who may, or add a condition",
        )
    if actions.inverted:
        yield _wide(
            FindingCode.ALLOWS_WITH_NOT_ACTION,
            f"{path}.NotAction",
            "allows every action but these, also those to come",
            "name with Action what is allowed",
        )
    if resources.inverted:
        yield _wide(
            FindingCode.ALLOWS_WITH_NOT_RESOURCE,
            f"{path}.NotResource",
            "allows every resource but these, also those to come",
            "name with Resource what is allowed",
        )
    if kind in (PolicyKind.ENDPOINT, PolicyKind.TRUST, PolicyKind.SESSION) or limited or actions.inverted:
        return
    if actions.everything and resources.everything:
        yield _wide(
            FindingCode.ALLOWS_EVERYTHING,
            f"{path}.Action",
            "allows every action on every resource",
            "name the actions and resources that are needed",
        )
    elif resources.everything and _all_of(actions, _IDENTITY_SERVICE):
        yield _wide(
            FindingCode.ALLOWS_ALL_IDENTITY_ACTIONS,
            f"{path}.Action",
            "allows everything with users, roles and policies, so that its holder can allow itself the rest",
            "name the actions that are needed",
        )


def _all_of(actions: Actions, service: str) -> bool:
    return f"{service}:*" in (text.lower() for text in actions.texts)


def _about_condition(condition: Condition, statement: Statement, path: str) -> Iterator[Finding]:
    path = f'{path}.Condition["{condition.operator_name}"]["{condition.name}"]'
    key = condition.key
    if key is None:
        yield _finding(
            Severity.WARNING,
            FindingCode.UNKNOWN_CONDITION_KEY,
            path,
            "is no condition key of this server, so that it is always absent",
            "use one of the table in docs/access.md",
        )
        return
    operator = condition.operator
    if operator is None:
        return
    if key.type not in _FITS[operator.type]:
        yield _finding(
            Severity.ERROR,
            FindingCode.OPERATOR_TYPE_MISMATCH,
            path,
            f"compares values of type {operator.type.value}; those of {key.name} are of type {key.type.value}",
            f"use an operator of {key.type.value}",
        )
    if condition.qualifier is not Qualifier.NONE and key.get_many is None:
        yield _finding(
            Severity.SECURITY_WARNING
            if condition.qualifier is Qualifier.ALL and statement.allows
            else Severity.WARNING,
            FindingCode.QUALIFIER_ON_SINGLE_VALUE,
            path,
            f"asks several values, but {key.name} has one; with ForAllValues the condition holds without any",
            "leave out ForAllValues or ForAnyValue",
        )
    elif condition.qualifier is Qualifier.ALL and statement.allows and not _checked(statement, condition):
        yield _finding(
            Severity.SECURITY_WARNING,
            FindingCode.FOR_ALL_VALUES_WITHOUT_NULL_CHECK,
            path,
            "also holds when the request has no value at all",
            f'add {{"Null": {{"{condition.name}": "false"}}}} unless that is wanted',
        )
    if not operator.wildcards and operator.type is ValueType.STRING and _has_wildcard(condition):
        yield _finding(
            Severity.WARNING,
            FindingCode.WILDCARD_TAKEN_LITERALLY,
            path,
            f"{operator.name} takes * and ? literally",
            "use StringLike or StringNotLike, or write ${*} and ${?}",
        )
    if condition.qualifier is Qualifier.NONE and not operator.negated and _contradicted(condition, statement):
        yield _finding(
            Severity.ERROR,
            FindingCode.CONDITION_NEVER_TRUE,
            path,
            "contradicts another condition of the statement, so that it never applies",
            "keep one of the two, or make two statements",
        )


def _checked(statement: Statement, condition: Condition) -> bool:
    return any(
        each.operator is None and each.wants_absent is False and each.name.lower() == condition.name.lower()
        for each in statement.conditions
    )


def _has_wildcard(condition: Condition) -> bool:
    texts = (re.sub(r"\$\{[^}]*\}", "", text) for text in condition.texts)
    return any("*" in text or "?" in text for text in texts)


def _contradicted(condition: Condition, statement: Statement) -> bool:
    """Tell whether another condition on the same key excludes this one: the key must be absent, or equal others."""
    for other in statement.conditions:
        if other is condition or other.name.lower() != condition.name.lower():
            continue
        if other.operator is None and other.wants_absent and not condition.if_exists:
            return True
        if other.operator is not None and other.qualifier is Qualifier.NONE and not condition.if_exists:
            both = (condition.operator, other.operator)
            if all(each is not None and each.name == "StringEquals" for each in both):
                texts = (*condition.texts, *other.texts)
                if not any("${" in text for text in texts) and not set(condition.texts) & set(other.texts):
                    return True
            if other.operator.negated and _excludes(other, condition):
                return True
    return False


def _excludes(negated: Condition, condition: Condition) -> bool:
    operators = (negated.operator, condition.operator)
    names = tuple(each.name for each in operators if each is not None)
    return names == ("StringNotEquals", "StringEquals") and set(condition.texts) <= set(negated.texts)


def _about_variables(statement: Statement, path: str) -> Iterator[Finding]:
    texts = [("Resource", text) for text in statement.resources.texts]
    for condition in statement.conditions:
        if condition.operator is not None and condition.operator.type in (ValueType.STRING, ValueType.ARN):
            texts += [("Condition", text) for text in condition.texts]
    for element, text in texts:
        for found in _VARIABLE.finditer(text):
            name = found[1]
            key = find_key(name)
            if name not in _ESCAPES and (key is None or key.get is None):
                yield _finding(
                    Severity.WARNING,
                    FindingCode.UNKNOWN_VARIABLE,
                    f"{path}.{element}",
                    f"`${{{name[:60]}}}` is no condition key with one value, so that nothing stands for it",
                    "use one of the table in docs/access.md",
                )


def _names(content: Mapping[str, Any], index: int) -> list[str]:
    """Return the types of principals of a statement."""
    body = content["Statement"]
    if isinstance(body, list):
        body = body[index]
    principal = body.get("Principal")
    return [kind for kind in TYPES if kind in principal] if isinstance(principal, Mapping) else []


def _wide(code: FindingCode, path: str, message: str, remedy: str) -> Finding:
    return _finding(Severity.SECURITY_WARNING, code, path, message, remedy)


def _finding(severity: Severity, code: FindingCode, path: str, message: str, remedy: str) -> Finding:
    return Finding(severity, code, path, message, remedy)


__all__ = ["validate"]
