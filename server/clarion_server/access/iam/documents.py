"""Checks of policy documents that a request gives."""

from __future__ import annotations

import json

from clarion.v1 import error_pb2
from clarion_server.access.policy import Finding, PolicyInvalid, PolicyKind, parse
from clarion_server.errors import FieldViolation

MAX_DOCUMENT = 32_768
"""Characters of a document, white space included. What it may have without is the engine's bound of each kind."""


def check_document(document: str, kind: PolicyKind, path: str, violations: list[FieldViolation]) -> None:
    """Add what makes the document of a field no policy of a kind; nothing that is only unwise."""
    if not document.strip():
        violations.append(
            FieldViolation(path, error_pb2.ERROR_REASON_FIELD_REQUIRED, "is required; give a policy document in JSON")
        )
    elif len(document) > MAX_DOCUMENT:
        violations.append(
            FieldViolation(
                path,
                error_pb2.ERROR_REASON_FIELD_TOO_LONG,
                f"has {len(document)} characters; shorten it to {MAX_DOCUMENT}, white space included",
            )
        )
    else:
        try:
            parse(document, kind)
        except PolicyInvalid as error:
            violations += (_violation(finding, path) for finding in error.findings)


def _violation(finding: Finding, path: str) -> FieldViolation:
    where = f"{finding.path}: " if finding.path else ""
    text = f"{where}{finding.message}; {finding.remedy} ({finding.code.value})"
    return FieldViolation(path, error_pb2.ERROR_REASON_POLICY_INVALID, text)


def packed_size(policies: tuple[str, ...], tags: dict[str, str]) -> int:
    """Return how many bytes a session's policies and tags take in its token, before they are encoded: compact JSON.

    The policies must have been checked.
    """
    documents = [json.loads(policy) for policy in policies]
    return len(json.dumps([documents, tags], separators=(",", ":")))


def compact(document: str) -> str:
    """Return a checked document without white space."""
    return json.dumps(json.loads(document), separators=(",", ":"))
