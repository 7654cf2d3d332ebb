"""Checks requests of FCM v1 against Google's own description of the API.

The description is the discovery document in the package google-api-python-client. Google's parser takes names in
camelCase and in snake_case; everything else is checked as the document says: unknown names are errors, and types,
enums and formats must fit.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from importlib import resources
from typing import Any

_DOCUMENT = ("discovery_cache", "documents", "fcm.v1.json")
_RECIPIENTS = ("token", "fid", "topic", "condition")
_DURATION = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,9})?s")
_DATE_TIME = re.compile(r"[0-9-]{10}T[0-9:]{8}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})")
_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "object": (dict,),
    "array": (list,),
}


@cache
def schemas() -> dict[str, Any]:
    """Return Google's schemas by name."""
    text = resources.files("googleapiclient").joinpath(*_DOCUMENT).read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)["schemas"]
    return found


def send_problems(request: Any) -> list[str]:
    """Return what is wrong with the body of `projects.messages.send`, with paths; empty if nothing is."""
    problems = list(_problems(request, {"$ref": "SendMessageRequest"}, ""))
    if problems:
        return problems
    message = request.get("message")
    if message is None:
        return ["message: is required"]
    recipients = [name for name in _RECIPIENTS if name in message]
    if len(recipients) != 1:
        problems.append(f"message: must have one of {', '.join(_RECIPIENTS)}, has {len(recipients)}")
    if "name" in message:
        problems.append("message.name: is output only")
    if "android" in message and {"androidV2", "android_v2"} & message.keys():
        problems.append("message.android_v2: excludes android")
    return problems


def _problems(value: Any, schema: dict[str, Any], path: str) -> Iterator[str]:
    if "$ref" in schema:
        schema = schemas()[schema["$ref"]]
    kind = schema["type"]
    if kind == "any":
        return
    right_type = isinstance(value, _TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))
    if not right_type:
        yield f"{path}: must be of type {kind}, is {type(value).__name__}"
    elif kind == "object":
        yield from _object_problems(value, schema, path)
    elif kind == "array":
        for number, item in enumerate(value):
            yield from _problems(item, schema["items"], f"{path}[{number}]")
    elif "enum" in schema:
        # The document's own text allows `normal` and `high`.
        if (value.upper() if path.endswith(".android.priority") else value) not in schema["enum"]:
            yield f"{path}: {value!r} is none of {', '.join(schema['enum'])}"
    elif "format" in schema and not _fits(value, schema["format"]):
        yield f"{path}: {value!r} is no {schema['format']}"


def _object_problems(value: dict[str, Any], schema: dict[str, Any], path: str) -> Iterator[str]:
    if "additionalProperties" in schema:
        for key, item in value.items():
            yield from _problems(item, schema["additionalProperties"], f"{path}[{key!r}]")
        return
    seen: set[str] = set()
    for key, item in value.items():
        here = f"{path}.{key}" if path else key
        name = re.sub(r"_([a-z0-9])", lambda match: match[1].upper(), key)
        if name not in schema.get("properties", {}):
            yield f"{here}: Google knows no such field in {schema['id']}"
        elif name in seen:
            yield f"{here}: is there twice"
        else:
            yield from _problems(item, schema["properties"][name], here)
        seen.add(name)


def _fits(value: Any, form: str) -> bool:
    if form == "google-duration":
        return bool(_DURATION.fullmatch(value))
    if form == "google-datetime":
        if not _DATE_TIME.fullmatch(value):
            return False
        try:
            datetime.fromisoformat(re.sub(r"\.[0-9]+", "", value))
        except ValueError:
            return False
        return True
    if form == "int32":
        return bool(-(2**31) <= value < 2**31)
    if form in {"float", "double"}:
        return True
    raise NotImplementedError(f"the discovery document has a new format: {form}")
