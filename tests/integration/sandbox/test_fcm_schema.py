"""The sandbox's table of FCM's schema, compared with Google's own document."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

from clarion_server.providers.fcm.sandbox_schema import (
    BOOL,
    DURATION,
    FLOAT,
    INT32,
    REQUEST,
    STRING,
    STRING_MAP,
    STRUCT,
    TIMESTAMP,
    Enum,
    Message,
    Repeated,
    snake_case,
)

NAMES = {
    STRING: "string",
    BOOL: "boolean",
    INT32: "int32",
    FLOAT: "float",
    DURATION: "google-duration",
    TIMESTAMP: "google-datetime",
    STRUCT: "map of any",
    STRING_MAP: "map of string",
}


def ours(field: Any) -> Any:
    """Return a field of our table in the form in which both are compared."""
    if isinstance(field, Message):
        return {name: ours(part) for name, part in field.fields.items()}
    if isinstance(field, Enum):
        return list(field.values)
    if isinstance(field, Repeated):
        return ("list", ours(field.item))
    return NAMES[field]


def google(schemas: dict[str, Any], field: dict[str, Any]) -> Any:
    """Return a field of the discovery document in the same form."""
    if "$ref" in field:
        return google(schemas, schemas[field["$ref"]])
    if "enum" in field:
        return field["enum"]
    if "additionalProperties" in field:
        return f"map of {field['additionalProperties']['type']}"
    if field["type"] == "object":
        return {snake_case(name): google(schemas, part) for name, part in field.get("properties", {}).items()}
    if field["type"] == "array":
        # The items' format is not in the document; vibrate_timings are durations by their description.
        return ("list", "google-duration" if "duration" in field["description"].lower() else "string")
    return field.get("format", field["type"])


def test_table_is_google_s() -> None:
    """Every field, type and enum value of messages:send is in the table, and no other."""
    document = files("googleapiclient") / "discovery_cache" / "documents" / "fcm.v1.json"
    schemas = json.loads(document.read_text())["schemas"]
    assert ours(REQUEST) == google(schemas, schemas["SendMessageRequest"])
