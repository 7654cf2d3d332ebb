"""From the text of a policy document to JSON values, within bounds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NoReturn

from clarion_server.access.policy.model import Finding, FindingCode, PolicyInvalid, Severity

_WHITE_SPACE = str.maketrans("", "", " \t\r\n")
# White space does not count against the size of a policy, but somebody has to read it.
_MAX_TEXT = 65_536


def load(document: str | Mapping[str, Any], max_size: int) -> Mapping[str, Any]:
    """Return the document as a JSON object.

    Args:
        document: JSON text, or what it would say.
        max_size: most characters, white space not counted.

    Raises:
        PolicyInvalid: it is not JSON, not an object, or too large.
    """
    text = document if isinstance(document, str) else _dumped(document)
    size = len(text) if len(text) > _MAX_TEXT else len(text.translate(_WHITE_SPACE))
    if size > max_size:
        raise _refused(
            FindingCode.TOO_LARGE,
            f"has {size:,} characters",
            f"shorten it to {max_size:,}, white space not counted, or make several policies of it",
        )
    try:
        # A lone surrogate cannot be stored.
        text.encode()
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_constant)
        json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise _not_json("it is nested too deeply") from None
    except UnicodeEncodeError:
        raise _not_json("it has half a surrogate pair, which is no character") from None
    except json.JSONDecodeError as error:
        raise _not_json(f"line {error.lineno}, column {error.colno}: {error.msg}") from None
    except ValueError as error:
        raise _not_json(str(error)) from None
    if not isinstance(value, dict):
        raise _refused(FindingCode.WRONG_TYPE, "is not a JSON object", "write { … }")
    return value


def _dumped(document: Mapping[str, Any]) -> str:
    try:
        return json.dumps(dict(document), ensure_ascii=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError):
        raise _not_json("it has values that JSON does not have") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse what JSON readers disagree about: which of two equal keys counts."""
    made: dict[str, Any] = {}
    for key, value in pairs:
        if key in made:
            raise ValueError(f"an object has the key {key[:60]!r} twice")
        made[key] = value
    return made


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _not_json(problem: str) -> PolicyInvalid:
    return _refused(FindingCode.JSON_INVALID, f"cannot be read as JSON: {problem}", "mend it there")


def _refused(code: FindingCode, message: str, remedy: str) -> PolicyInvalid:
    return PolicyInvalid((Finding(Severity.ERROR, code, "", message, remedy),))
