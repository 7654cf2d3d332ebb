"""Methods of IamService that explain policies."""

# ruff: noqa: N802, ARG002 - gRPC gives the methods their names and arguments
from __future__ import annotations

from datetime import UTC
from typing import Any

from clarion.iam.v1 import simulation_pb2 as pb
from clarion.v1 import error_pb2
from clarion_server.access.iam.documents import MAX_DOCUMENT, check_document
from clarion_server.access.iam.simulation import Answer, Question
from clarion_server.access.policy import DecisionKind, PolicyKind, Severity, validate
from clarion_server.errors import FieldViolation
from clarion_server.iam_model import PrincipalKind
from clarion_server.rpc import validation
from clarion_server.rpc.iam import checks
from clarion_server.rpc.iam.parts import Part

MAX_DOCUMENTS = 20
MAX_ASKED = 100
MAX_PAIRS = 1000
_MAX_ACTION = 128
_KINDS = {
    pb.POLICY_KIND_UNSPECIFIED: PolicyKind.IDENTITY,
    pb.POLICY_KIND_IDENTITY: PolicyKind.IDENTITY,
    pb.POLICY_KIND_RESOURCE: PolicyKind.RESOURCE,
    pb.POLICY_KIND_TRUST: PolicyKind.TRUST,
    pb.POLICY_KIND_SERVICE_CONTROL: PolicyKind.SERVICE_CONTROL,
    pb.POLICY_KIND_ENDPOINT: PolicyKind.ENDPOINT,
    pb.POLICY_KIND_PERMISSIONS_BOUNDARY: PolicyKind.BOUNDARY,
    pb.POLICY_KIND_SESSION: PolicyKind.SESSION,
}
_KIND_NUMBERS = {kind: number for number, kind in _KINDS.items() if number}
_SEVERITIES = {
    Severity.ERROR: pb.FINDING_SEVERITY_ERROR,
    Severity.SECURITY_WARNING: pb.FINDING_SEVERITY_SECURITY_WARNING,
    Severity.WARNING: pb.FINDING_SEVERITY_WARNING,
    Severity.SUGGESTION: pb.FINDING_SEVERITY_SUGGESTION,
}


class SimulationMethods(Part):
    """SimulatePolicy and ValidatePolicy."""

    async def SimulatePolicy(self, request: pb.SimulatePolicyRequest, context: Any) -> pb.SimulatePolicyResponse:
        """See iam.proto."""
        violations: list[FieldViolation] = []
        question = _question(request, violations)
        resources = list(request.resources) or ["*"]
        if not request.actions:
            violations.append(validation.required("actions", f"give 1 to {MAX_ASKED}"))
        checks.check_count("actions", request.actions, MAX_ASKED, violations)
        checks.check_count("resources", resources, MAX_ASKED, violations)
        if len(request.actions) * len(resources) > MAX_PAIRS:
            problem = f"make more than {MAX_PAIRS} pairs with actions; ask in several calls"
            violations.append(checks.too_long("resources", problem))
        for number, action in enumerate(request.actions[:MAX_ASKED]):
            if len(action) > _MAX_ACTION or ":" not in action or "*" in action or "?" in action:
                violations.append(
                    checks.malformed(f"actions[{number}]", "is no action; give one such as mobiletargeting:GetApp")
                )
        for number, resource in enumerate(resources[:MAX_ASKED]):
            if not resource or len(resource) > checks.MAX_ARN:
                violations.append(checks.malformed(f"resources[{number}]", "is no ARN; give one, or `*`"))
        validation.refuse(violations)
        answers = await self._simulator.simulate(question, request.actions, resources)
        return pb.SimulatePolicyResponse(results=map(_result, answers))

    async def ValidatePolicy(self, request: pb.ValidatePolicyRequest, context: Any) -> pb.ValidatePolicyResponse:
        """See iam.proto."""
        violations: list[FieldViolation] = []
        if not request.document.strip():
            violations.append(validation.required("document", "give a policy document in JSON"))
        elif len(request.document) > MAX_DOCUMENT:
            violations.append(checks.too_long("document", f"is too long; shorten it to {MAX_DOCUMENT} characters"))
        kind = _KINDS.get(request.kind)
        if kind is None:
            violations.append(
                FieldViolation("kind", error_pb2.ERROR_REASON_FIELD_UNKNOWN, "is no kind that this server knows")
            )
        validation.refuse(violations)
        findings = validate(request.document, kind or PolicyKind.IDENTITY, self._known_actions)
        return pb.ValidatePolicyResponse(
            findings=[
                pb.Finding(
                    severity=_SEVERITIES[finding.severity],
                    code=finding.code.value,
                    path=finding.path,
                    message=finding.message,
                    remedy=finding.remedy,
                )
                for finding in findings
            ]
        )


def _question(request: pb.SimulatePolicyRequest, violations: list[FieldViolation]) -> Question:
    who = None
    if request.HasField("principal"):
        kinds = (PrincipalKind.USER, PrincipalKind.ROLE)
        who = checks.check_principal(request.principal, violations, kinds=kinds)
    elif not request.documents:
        violations.append(validation.required("documents", "give at least one, or a principal"))
    checks.check_count("documents", request.documents, MAX_DOCUMENTS, violations)
    for number, document in enumerate(request.documents[:MAX_DOCUMENTS]):
        check_document(document, PolicyKind.IDENTITY, f"documents[{number}]", violations)
    if request.permissions_boundary:
        check_document(request.permissions_boundary, PolicyKind.BOUNDARY, "permissions_boundary", violations)
    if request.resource_policy:
        check_document(request.resource_policy, PolicyKind.RESOURCE, "resource_policy", violations)
    given = request.context
    source_ip = checks.check_ip("context.source_ip", given.source_ip, violations)
    if given.HasField("time"):
        checks.check_moment("context.time", given.time, violations)
    validation.refuse(violations)
    return Question(
        who=who,
        documents=request.documents,
        boundary=request.permissions_boundary,
        resource_policy=request.resource_policy,
        source_ip=source_ip,
        secure_transport=given.secure_transport if given.HasField("secure_transport") else True,
        time=given.time.ToDatetime(tzinfo=UTC) if given.HasField("time") else None,
        resource_tags=dict(given.resource_tags),
        request_tags=dict(given.request_tags),
        principal_tags=dict(given.principal_tags),
        mfa=given.multi_factor_auth,
    )


def _result(answer: Answer) -> pb.SimulationResult:
    decision = answer.decision
    denied = decision.kind is DecisionKind.EXPLICIT_DENY
    silent = pb.POLICY_DECISION_EXPLICIT_DENY if denied else pb.POLICY_DECISION_IMPLICIT_DENY
    return pb.SimulationResult(
        action=answer.action,
        resource=answer.resource,
        decision=pb.POLICY_DECISION_ALLOWED if decision.allowed else silent,
        explanation=decision.kind.value if decision.allowed else f"denied {decision.because(answer.action)}",
        matched_statements=[
            pb.MatchedStatement(
                policy_kind=_KIND_NUMBERS[each.kind],
                policy=each.policy,
                sid=each.sid,
                index=each.index,
                effect="Deny" if denied else "Allow",
            )
            for each in decision.matched
        ],
    )
