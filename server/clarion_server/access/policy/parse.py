"""From a policy document to a `Policy`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from clarion_server.access.policy import keys
from clarion_server.access.policy.conditions import (
    Condition,
    MissingQualifier,
    OperatorInvalid,
    ValueInvalid,
    read_condition,
)
from clarion_server.access.policy.document import load
from clarion_server.access.policy.matching import Actions, ArnInvalid, ArnPattern, Resources
from clarion_server.access.policy.model import (
    MAX_SIZE,
    PRINCIPAL_KINDS,
    Finding,
    FindingCode,
    Policy,
    PolicyInvalid,
    PolicyKind,
    Severity,
    Statement,
)
from clarion_server.access.policy.principals import TYPES, PrincipalInvalid, Principals, read_principals
from clarion_server.access.policy.text import VariableInvalid, make_pattern, read_text
from clarion_server.access.policy.values import Variables

CURRENT_VERSION = "2012-10-17"
OLD_VERSION = "2008-10-17"

_ELEMENTS = ("Version", "Id", "Statement")
_STATEMENT_ELEMENTS = (
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
)
_SID = re.compile(r"[A-Za-z0-9]{0,128}")
# Policies of resources may have more in a Sid.
_LOOSE_SID = re.compile(r"[\x20-\x7e]{0,128}")
_ACTION = re.compile(r"\*|\*:\*|[A-Za-z0-9-]{1,64}:[A-Za-z0-9*?]{1,128}")


def parse(
    document: str | Mapping[str, Any], kind: PolicyKind, *, name: str = "", max_size: int | None = None
) -> Policy:
    """Make a policy of its document.

    Args:
        document: JSON text, or what it would say.
        kind: where the policy is attached.
        name: what decisions call it.
        max_size: most characters, white space not counted; the kind's bound if absent.

    Raises:
        PolicyInvalid: it is not a policy of this kind. All that is wrong with it is in `findings`.
    """
    reader = Reader(kind)
    policy = reader.read(load(document, MAX_SIZE[kind] if max_size is None else max_size), name)
    if policy is None:
        raise PolicyInvalid(tuple(reader.findings))
    return policy


@dataclass(slots=True)
class Reader:
    """Reads one document and keeps what is wrong with it.

    Attributes:
        kind: of the policy.
        findings: what is wrong.
        statements: those that could be read.
        variables: finds policy variables, if the document's version has them.
        single: whether the document has one statement that is in no list.
    """

    kind: PolicyKind
    findings: list[Finding] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)
    variables: Variables = None
    single: bool = False

    def path(self, index: int) -> str:
        """Return the path of a statement."""
        return "Statement" if self.single else f"Statement[{index}]"

    def read(self, document: Mapping[str, Any], name: str) -> Policy | None:
        """Return the policy, None if anything is wrong with its document."""
        self._known_elements(document, _ELEMENTS, "")
        version = document.get("Version", OLD_VERSION)
        if version not in (CURRENT_VERSION, OLD_VERSION):
            self._add(
                FindingCode.INVALID_VERSION, "Version", "is no version of the grammar", f'write "{CURRENT_VERSION}"'
            )
        if version == CURRENT_VERSION:
            self.variables = keys.variable
        if not isinstance(document.get("Id", ""), str):
            self._add(FindingCode.WRONG_TYPE, "Id", "is not a string", "write a name, or leave it out")
        for index, path, body in self._bodies(document):
            statement = self._statement(index, path, body)
            if statement is not None:
                self.statements.append(statement)
        if self.findings:
            return None
        statements = tuple(self.statements)
        return Policy(
            self.kind,
            name,
            str(version),
            statements,
            tuple(each for each in statements if each.allows),
            tuple(each for each in statements if not each.allows),
        )

    def _bodies(self, document: Mapping[str, Any]) -> list[tuple[int, str, Mapping[str, Any]]]:
        """Return index, path and content of each statement."""
        if "Statement" not in document:
            self._add(FindingCode.MISSING_ELEMENT, "Statement", "is missing", "write at least one statement")
            return []
        value = document["Statement"]
        self.single = isinstance(value, Mapping)
        if isinstance(value, Mapping):
            return [(0, self.path(0), value)]
        if not isinstance(value, list) or not value:
            self._add(FindingCode.WRONG_TYPE, "Statement", "is neither a statement nor a list of some", "write [{ … }]")
            return []
        bodies = []
        for index, body in enumerate(value):
            path = self.path(index)
            if isinstance(body, Mapping):
                bodies.append((index, path, body))
            else:
                self._add(FindingCode.WRONG_TYPE, path, "is not an object", "write { … }")
        return bodies

    def _statement(self, index: int, path: str, body: Mapping[str, Any]) -> Statement | None:
        before = len(self.findings)
        self._known_elements(body, _STATEMENT_ELEMENTS, path)
        sid = self._sid(body, path)
        effect = body.get("Effect")
        if effect not in ("Allow", "Deny"):
            self._add(FindingCode.INVALID_EFFECT, f"{path}.Effect", "is neither", 'write "Allow" or "Deny"')
        principals = self._principals(body, path, allows=effect == "Allow")
        actions = self._actions(body, path)
        resources = self._resources(body, path, allows=effect == "Allow")
        conditions = self._conditions(body, path)
        if len(self.findings) > before or actions is None or resources is None:
            return None
        return Statement(index, sid, effect == "Allow", principals, actions, resources, conditions)

    def _sid(self, body: Mapping[str, Any], path: str) -> str:
        sid = body.get("Sid", "")
        allowed = _LOOSE_SID if self.kind in (PolicyKind.RESOURCE, PolicyKind.ENDPOINT) else _SID
        if not isinstance(sid, str) or not allowed.fullmatch(sid):
            self._add(
                FindingCode.INVALID_SID, f"{path}.Sid", "is no statement id", "write up to 128 letters and digits"
            )
            return ""
        if sid and any(sid == other.sid for other in self.statements):
            self._add(FindingCode.DUPLICATE_SID, f"{path}.Sid", "is another statement's too", "give each its own")
        return sid

    def _principals(self, body: Mapping[str, Any], path: str, *, allows: bool) -> Principals | None:
        if self.kind not in PRINCIPAL_KINDS:
            for unwanted in ("Principal", "NotPrincipal"):
                if unwanted in body:
                    self._add(
                        FindingCode.ELEMENT_NOT_ALLOWED,
                        f"{path}.{unwanted}",
                        f"does not belong into {self.kind.value}: it is about whom it is attached to",
                        "remove it",
                    )
            return None
        element = self._one_of(body, path, "Principal", "NotPrincipal", required=True)
        if element is None:
            return None
        path = f"{path}.{element}"
        if element == "NotPrincipal" and allows:
            self._add(
                FindingCode.ELEMENT_NOT_ALLOWED,
                path,
                "cannot allow: that would be everybody else, also those nobody knows",
                "name with Principal those who may, or deny",
            )
            return None
        names = self._principal_names(body[element], path)
        if not names:
            return None
        try:
            return read_principals(names, inverted=element == "NotPrincipal")
        except PrincipalInvalid as error:
            problem, _, remedy = str(error).partition("; ")
            self._add(FindingCode.INVALID_PRINCIPAL, path, problem, remedy)
            return None

    def _principal_names(self, value: Any, path: str) -> list[tuple[str, str]]:
        if value == "*":
            return [("AWS", "*")]
        if not isinstance(value, Mapping) or not value:
            self._add(
                FindingCode.INVALID_PRINCIPAL, path, 'is neither "*" nor an object', 'write {"AWS": [ … ]} or "*"'
            )
            return []
        names = []
        for kind, given in value.items():
            if kind not in TYPES:
                self._add(
                    FindingCode.INVALID_PRINCIPAL,
                    f"{path}[{_quoted(kind)}]",
                    "is no type of principal",
                    f"use one of {', '.join(TYPES)}",
                )
            else:
                names += [(kind, name) for name in self._strings(given, f"{path}.{kind}")]
        return names

    def _actions(self, body: Mapping[str, Any], path: str) -> Actions | None:
        element = self._one_of(body, path, "Action", "NotAction", required=True)
        if element is None:
            return None
        path = f"{path}.{element}"
        texts = self._strings(body[element], path)
        if not texts:
            return None
        for text in texts:
            if not _ACTION.fullmatch(text):
                self._add(
                    FindingCode.INVALID_ACTION,
                    path,
                    f"`{text[:100]}` is no action",
                    "write SERVICE:NAME, such as mobiletargeting:SendMessages, with wildcards in the name only, or *",
                )
                return None
        lowered = [text.lower() for text in texts]
        return Actions(
            texts,
            element == "NotAction",
            any(text in ("*", "*:*") for text in lowered),
            frozenset(text for text in lowered if "*" not in text and "?" not in text),
            tuple(
                make_pattern(read_text(text, variables=None, wildcards=True))
                for text in lowered
                if "*" in text or "?" in text
            ),
        )

    def _resources(self, body: Mapping[str, Any], path: str, *, allows: bool) -> Resources | None:
        everything = Resources((), inverted=False, everything=True, patterns=(), must_resolve=())
        if self.kind is PolicyKind.TRUST:
            for unwanted in ("Resource", "NotResource"):
                if unwanted in body:
                    self._add(
                        FindingCode.ELEMENT_NOT_ALLOWED,
                        f"{path}.{unwanted}",
                        "does not belong into role trust policy: the resource is the role",
                        "remove it",
                    )
            return everything
        # A policy that is attached to a resource, or a listener, is about that unless it says otherwise.
        required = self.kind not in PRINCIPAL_KINDS
        element = self._one_of(body, path, "Resource", "NotResource", required=required)
        if element is None:
            return None if required else everything
        path = f"{path}.{element}"
        texts = self._strings(body[element], path)
        if not texts:
            return None
        patterns = [pattern for text in texts if (pattern := self._arn(text, path)) is not None]
        inverted = element == "NotResource"
        return Resources(
            texts,
            inverted,
            any(pattern.everything for pattern in patterns),
            tuple(pattern for pattern in patterns if not pattern.everything),
            tuple(v for pattern in patterns for v in pattern.variables) if inverted and allows else (),
        )

    def _arn(self, text: str, path: str) -> ArnPattern | None:
        try:
            return ArnPattern(read_text(text, variables=self.variables, wildcards=True))
        except VariableInvalid as error:
            self._bad_variable(error, path)
        except ArnInvalid as error:
            self._add(
                FindingCode.INVALID_RESOURCE,
                path,
                f"`{text[:100]}` {error}",
                "write arn:aws:mobiletargeting:REGION:ACCOUNT:apps/ID, perhaps with wildcards, or *",
            )
        return None

    def _conditions(self, body: Mapping[str, Any], path: str) -> tuple[Condition, ...]:
        path = f"{path}.Condition"
        value = body.get("Condition", {})
        if not isinstance(value, Mapping):
            self._add(FindingCode.WRONG_TYPE, path, "is not an object", 'write {"StringEquals": { … }}')
            return ()
        conditions = []
        for operator, block in value.items():
            inner = f"{path}[{_quoted(operator)}]"
            if not isinstance(block, Mapping):
                self._add(FindingCode.WRONG_TYPE, inner, "is not an object", "write keys and their values")
                continue
            for key, given in block.items():
                condition = self._condition(operator, key, given, f"{inner}[{_quoted(key)}]")
                if condition is not None:
                    conditions.append(condition)
        return tuple(conditions)

    def _condition(self, operator: str, key: str, given: Any, path: str) -> Condition | None:
        texts = self._strings(given, path, scalars=True)
        if not texts:
            return None
        try:
            return read_condition(operator, key, texts, self.variables)
        except MissingQualifier as error:
            self._add(FindingCode.MISSING_QUALIFIER, path, "has several values: must all match, or any?", str(error))
        except OperatorInvalid as error:
            self._add(FindingCode.INVALID_OPERATOR, path, f"`{operator[:60]}` cannot be used here", str(error))
        except VariableInvalid as error:
            self._bad_variable(error, path)
        except ValueInvalid as error:
            problem, _, remedy = str(error).partition("; ")
            self._add(FindingCode.INVALID_CONDITION_VALUE, path, problem, remedy or "write one")
        return None

    # --- what all elements need ---------------------------------------------------------------

    def _one_of(self, body: Mapping[str, Any], path: str, one: str, other: str, *, required: bool) -> str | None:
        """Return which of two elements is there."""
        if one in body and other in body:
            self._add(
                FindingCode.CONFLICTING_ELEMENTS,
                f"{path}.{other}",
                f"is there together with {one}",
                "keep one of the two",
            )
            return None
        if one not in body and other not in body:
            if required:
                self._add(FindingCode.MISSING_ELEMENT, f"{path}.{one}", "is missing", f"write {one} or {other}")
            return None
        return one if one in body else other

    def _strings(self, value: Any, path: str, *, scalars: bool = False) -> tuple[str, ...]:
        """Return a string, or a list of at least one, as a tuple; empty if it is neither.

        Args:
            value: from the document.
            path: of it.
            scalars: whether numbers and truth values will do.
        """
        given: Sequence[Any] = value if isinstance(value, list) else [value]
        texts = []
        for each in given:
            if isinstance(each, str) and (each or scalars):
                texts.append(each)
            elif scalars and isinstance(each, bool):
                texts.append("true" if each else "false")
            elif scalars and isinstance(each, int | float):
                texts.append(json.dumps(each))
            else:
                texts = []
                break
        if not texts:
            self._add(FindingCode.WRONG_TYPE, path, "is neither a string nor a list of some", 'write "…" or ["…"]')
        return tuple(texts)

    def _known_elements(self, body: Mapping[str, Any], known: Sequence[str], path: str) -> None:
        for element in body:
            if element not in known:
                likely = next((each for each in known if each.lower() == element.lower()), None)
                self._add(
                    FindingCode.UNKNOWN_ELEMENT,
                    f"{path}[{_quoted(element)}]" if path else _quoted(element),
                    "is no element of the grammar",
                    f"write `{likely}`" if likely else f"use one of {', '.join(known)}",
                )

    def _bad_variable(self, error: VariableInvalid, path: str) -> None:
        self._add(
            FindingCode.INVALID_VARIABLE,
            path,
            f"`{error}` is no policy variable",
            "write ${key}, ${key, 'default'}, or ${$} for a dollar sign",
        )

    def _add(self, code: FindingCode, path: str, message: str, remedy: str) -> None:
        self.findings.append(Finding(Severity.ERROR, code, path, message, remedy))


def _quoted(text: str) -> str:
    return json.dumps(text if len(text) <= 60 else f"{text[:60]}…", ensure_ascii=False)
