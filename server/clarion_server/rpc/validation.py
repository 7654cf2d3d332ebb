"""Checks of the requests of AppService and ChannelService that need nothing but the request.

Each function returns the cleaned value and adds what is wrong to a list, so that a call can tell everything at once.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping, Sequence

from clarion.v1 import error_pb2
from clarion.v1.channel_pb2 import ChannelType
from clarion_server.channels.change import unknown_enum
from clarion_server.errors import AppNotFound, FieldViolation, RequestInvalid
from clarion_server.ports import MAX_TAGS

MAX_NAME = 64
MAX_TAG_KEY = 128
MAX_TAG_VALUE = 256
MAX_UNTAG_KEYS = 50
# Of a key, in the path of a violation: there may be many, and trailers have little room.
_QUOTED_KEY = 40
DEFAULT_PAGE_SIZE = 100
MAX_PAGE_SIZE = 1000

_APP_ID = re.compile(r"[0-9a-f]{32}")
_CURSOR_SIZE = 8
_CHECK_SIZE = 6
_TOKEN_PURPOSE = b"clarion.v1.ListApps page_token "


def required(path: str, remedy: str) -> FieldViolation:
    """Return the violation of a field that is absent or empty."""
    return FieldViolation(path, error_pb2.ERROR_REASON_FIELD_REQUIRED, f"is required; {remedy}")


def check_app_id(app_id: str, violations: list[FieldViolation]) -> None:
    """Add a violation if the id is absent. Whether it has the form of an id is for `refuse` to look at."""
    if not app_id:
        violations.append(required("app_id", "give the id of an app, as ListApps tells it"))


def refuse(violations: Sequence[FieldViolation], app_id: str | None = None) -> None:
    """End the call if anything is wrong with it.

    Args:
        violations: what is wrong with fields.
        app_id: the app that the call is about, if any.

    Raises:
        RequestInvalid: there are violations.
        AppNotFound: `app_id` has not the form of one. No app has such an id, so that is all there is to say.
    """
    if violations:
        raise RequestInvalid(violations)
    if app_id is not None and not _APP_ID.fullmatch(app_id):
        raise AppNotFound


def check_name(name: str, violations: list[FieldViolation]) -> str:
    """Return the name of an app without white space around it."""
    name = name.strip()
    if not name:
        violations.append(required("name", f"give 1 to {MAX_NAME} characters"))
    elif len(name) > MAX_NAME:
        violations.append(_too_long("name", f"has {len(name)} characters; shorten it to {MAX_NAME}"))
    if _has_control(name):
        violations.append(_malformed("name", "has a control character; remove it"))
    return name


def check_tags(tags: Mapping[str, str], violations: list[FieldViolation]) -> dict[str, str]:
    """Return the tags as a dictionary.

    Raises:
        RequestInvalid: there are more than an app may have; each for itself is not looked at then.
    """
    if len(tags) > MAX_TAGS:
        raise too_many_tags()
    for key, value in sorted(tags.items()):
        if not key:
            violations.append(required("tags", f"has an empty key; give each key 1 to {MAX_TAG_KEY} characters"))
            continue
        if len(key) > MAX_TAG_KEY:
            violations.append(_too_long("tags", f"has a key of {len(key)} characters; shorten it to {MAX_TAG_KEY}"))
            continue
        if _has_control(key):
            violations.append(_malformed("tags", "has a key with a control character; remove it"))
            continue
        quoted = key if len(key) <= _QUOTED_KEY else f"{key[:_QUOTED_KEY]}…"
        path = f"tags[{json.dumps(quoted, ensure_ascii=False)}]"
        if key.startswith("aws:"):
            violations.append(_malformed(path, "begins with `aws:`, which is reserved; choose another key"))
        if len(value) > MAX_TAG_VALUE:
            violations.append(_too_long(path, f"has {len(value)} characters; shorten it to {MAX_TAG_VALUE}"))
        if _has_control(value):
            violations.append(_malformed(path, "has a control character; remove it"))
    return dict(tags)


def too_many_tags() -> RequestInvalid:
    """Return the error of an app that would have too many tags."""
    violation = _too_long("tags", f"would be more than {MAX_TAGS} tags; remove others first")
    return RequestInvalid([violation], reason=error_pb2.ERROR_REASON_TAG_LIMIT_EXCEEDED)


def check_tag_keys(keys: Sequence[str], violations: list[FieldViolation]) -> None:
    """Check how many keys there are to remove. Any key will do: those that the app does not have are passed over."""
    if not keys:
        violations.append(required("tag_keys", f"give 1 to {MAX_UNTAG_KEYS} keys"))
    elif len(keys) > MAX_UNTAG_KEYS:
        violations.append(_too_long("tag_keys", f"has {len(keys)} keys; give {MAX_UNTAG_KEYS} at a time"))


def check_channel_type(channel_type: ChannelType, violations: list[FieldViolation]) -> None:
    """Add a violation if the type is absent or unknown."""
    if not channel_type:
        violations.append(required("type", "give the channel's type"))
    elif channel_type not in ChannelType.values():
        violations.append(unknown_enum("type", "channel type"))


def check_existing_version(version: int | None, violations: list[FieldViolation]) -> None:
    """Add a violation if the expected version is none that an existing channel can have."""
    if version is not None and version < 1:
        violations.append(
            FieldViolation(
                "expected_version",
                error_pb2.ERROR_REASON_FIELD_OUT_OF_RANGE,
                "is not a version of an existing channel; give Channel.version, or nothing",
            )
        )


def check_page_size(page_size: int, violations: list[FieldViolation]) -> int:
    """Return how many to put on a page."""
    if page_size < 0:
        violations.append(
            FieldViolation(
                "page_size",
                error_pb2.ERROR_REASON_FIELD_OUT_OF_RANGE,
                f"is negative; give 1 to {MAX_PAGE_SIZE}, or 0 for {DEFAULT_PAGE_SIZE}",
            )
        )
    return min(page_size or DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE)


def page_token(cursor: int | None) -> str:
    """Return the page token of a store's cursor, empty for none."""
    if cursor is None:
        return ""
    packed = cursor.to_bytes(_CURSOR_SIZE, "big")
    return base64.urlsafe_b64encode(packed + _check_of(packed)).decode().rstrip("=")


def check_page_token(token: str, violations: list[FieldViolation]) -> int | None:
    """Return the cursor of a page token, None for an empty one."""
    if not token:
        return None
    packed = b""
    if len(token) < 100 and token.isascii():
        try:
            decoded = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except binascii.Error:
            decoded = b""
        packed, check = decoded[:_CURSOR_SIZE], decoded[_CURSOR_SIZE:]
        if len(packed) == _CURSOR_SIZE and check == _check_of(packed):
            cursor = int.from_bytes(packed, "big")
            # Within what a database can compare.
            if cursor < 1 << 63:
                return cursor
    violations.append(
        FieldViolation(
            "page_token",
            error_pb2.ERROR_REASON_PAGE_TOKEN_INVALID,
            "was not made by this server; give next_page_token of the page before, or nothing for the first page",
        )
    )
    return None


def _check_of(packed: bytes) -> bytes:
    """Return a checksum. It tells mistakes from tokens; a token grants nothing, so it needs no secret."""
    return hashlib.sha256(_TOKEN_PURPOSE + packed).digest()[:_CHECK_SIZE]


def _has_control(text: str) -> bool:
    return any(unicodedata.category(character) == "Cc" for character in text)


def _too_long(path: str, problem: str) -> FieldViolation:
    return FieldViolation(path, error_pb2.ERROR_REASON_FIELD_TOO_LONG, problem)


def _malformed(path: str, problem: str) -> FieldViolation:
    return FieldViolation(path, error_pb2.ERROR_REASON_FIELD_MALFORMED, problem)
