"""Policies in AWS's grammar: read, checked, and asked. Pure: no input or output, no clock, no state.

- `parse` makes a `Policy` of a document, or raises `PolicyInvalid` with all that is wrong;
- `validate` tells what is wrong, dangerous or odd about a document;
- `decide` answers a request by the policies that apply to it; `explain` also tells how each statement took part.

docs/access.md has the grammar, the order of decision, and where this differs from AWS.
"""

from clarion_server.access.policy.decide import Explanation, StatementReport, decide, explain
from clarion_server.access.policy.keys import KEYS, Key
from clarion_server.access.policy.model import (
    MAX_SIZE,
    Decision,
    DecisionKind,
    Finding,
    FindingCode,
    MatchedStatement,
    Policy,
    PolicyInvalid,
    PolicyKind,
    PolicySet,
    Severity,
    Statement,
)
from clarion_server.access.policy.parse import parse
from clarion_server.access.policy.validate import validate

__all__ = [
    "KEYS",
    "MAX_SIZE",
    "Decision",
    "DecisionKind",
    "Explanation",
    "Finding",
    "FindingCode",
    "Key",
    "MatchedStatement",
    "Policy",
    "PolicyInvalid",
    "PolicyKind",
    "PolicySet",
    "Severity",
    "Statement",
    "StatementReport",
    "decide",
    "explain",
    "parse",
    "validate",
]
