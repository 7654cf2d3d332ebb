"""Write the tables of docs/access.md from the tables of actions and condition keys.

    python -m scripts.access_reference          writes docs/access.md
    python -m scripts.access_reference --check  fails when it is not up to date

The text around the tables is written by hand; each table stands between a pair of markers.
"""

from __future__ import annotations

import importlib
import pkgutil

from google.protobuf import descriptor_pool
from google.protobuf.message_factory import GetMessageClass

import clarion
from clarion_server.access.actions import CHANNELS, RULES, Rule, Scope
from clarion_server.access.policy import KEYS
from clarion_server.access.policy.conditions import OPERATORS
from scripts.reference import Page

# What an empty request does not say, and the word for it. A role or policy that is named by its ARN may be of another
# account, or a built-in one.
_PLACES = {
    "apps/unknown": "apps/ID",
    "channels/unknown": "channels/TYPE",
    "user/unknown": "user/NAME",
    "group/unknown": "group/NAME",
    "role/unknown": "role/NAME",
    "policy/unknown": "policy/NAME",
    "arn:aws:iam::ACCOUNT:unknown": "ARN in the request",
}


def action_table() -> str:
    """Return the table of RPCs, actions and resources."""
    _load_api()
    rows = []
    for method, rule in RULES.items():
        service, _, rpc = method.partition("/")
        rows.append(f"| `{service.rpartition('.')[2]}.{rpc}` | {_actions(rule)} | `{_resource(method, rule)}` |")
    return "\n".join(["| RPC | action | resource |", "|---|---|---|", *rows])


def _actions(rule: Rule) -> str:
    if len(rule.actions) != len(CHANNELS):
        return ", ".join(f"`{action}`" for action in rule.actions)
    verb = rule.name.removesuffix("Channel")
    kinds = ", ".join(f"`{each.action}`" for each in CHANNELS.values())
    return f"`{verb}…Channel`, where … is {kinds}"


def _load_api() -> None:
    """Load all generated modules, which registers their services."""
    for module in pkgutil.walk_packages(clarion.__path__, "clarion."):
        if module.name.endswith("_pb2"):
            importlib.import_module(module.name)


def _resource(method: str, rule: Rule) -> str:
    """Return the resource of an empty request, in the words of the page."""
    service, _, rpc = method.partition("/")
    found = descriptor_pool.Default().FindServiceByName(service).methods_by_name[rpc]
    request = GetMessageClass(found.input_type)()
    resource = rule.access(request, Scope("REGION", "ACCOUNT")).resource
    for unknown, word in _PLACES.items():
        resource = resource.replace(unknown, word)
    # Of the RPCs about any principal the empty request is about a user.
    return resource.replace("user/NAME", "KIND/NAME") if "principal" in request.DESCRIPTOR.fields_by_name else resource


def key_table() -> str:
    """Return the table of condition keys."""
    rows = []
    for key in KEYS.values():
        name = f"{key.name}KEY" if key.name.endswith("/") else key.name
        several = ", several values" if key.get_many is not None else ""
        rows.append(f"| `{name}` | {key.type.value}{several} | {key.meaning} |")
    return "\n".join(["| key | type | what it is |", "|---|---|---|", *rows])


def operator_table() -> str:
    """Return the table of condition operators."""
    by_type: dict[str, list[str]] = {}
    for operator in OPERATORS.values():
        by_type.setdefault(operator.type.value, []).append(f"`{operator.name}`")
    rows = [f"| {value_type} | {', '.join(names)} |" for value_type, names in by_type.items()]
    return "\n".join(["| type | operators |", "|---|---|", *rows, "| any | `Null` |"])


PAGE = Page(
    "docs/access.md",
    {"actions": action_table, "keys": key_table, "operators": operator_table},
    "scripts.access_reference",
)

if __name__ == "__main__":
    PAGE.main()
