"""The tables of what providers' answers mean are whole, and narrow where narrowness matters."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil

import pytest

from clarion.v1 import error_pb2 as err
from clarion.v1 import messaging_pb2 as msg
from clarion_server import providers
from clarion_server.providers.outcomes import Row, Tables
from scripts import error_reference

THROTTLED = msg.DELIVERY_STATUS_THROTTLED

# What the providers document, or was seen of them (docs/providers.md): HTTP status and word, by provider and table.
APNS = """
    400 BadCollapseId, 400 BadDeviceToken, 400 BadExpirationDate, 400 BadMessageId, 400 BadPriority, 400 BadTopic,
    400 DeviceTokenNotForTopic, 400 DuplicateHeaders, 400 IdleTimeout, 400 InvalidPushType, 400 MissingDeviceToken,
    400 MissingTopic, 400 PayloadEmpty, 400 TopicDisallowed, 403 BadCertificate, 403 BadCertificateEnvironment,
    403 ExpiredProviderToken, 403 Forbidden, 403 InvalidProviderToken, 403 MissingProviderToken,
    403 UnrelatedKeyIdInToken, 403 BadEnvironmentKeyIdInToken, 403 BadEnvironmentKeyInToken, 404 BadPath,
    405 MethodNotAllowed, 410 ExpiredToken, 410 Unregistered, 413 PayloadTooLarge, 429 TooManyProviderTokenUpdates,
    429 TooManyRequests, 500 InternalServerError, 503 ServiceUnavailable, 503 Shutdown, 400-499 BadChannelId,
    400-499 CannotCreateChannelConfig, 400-499 ChannelNotRegistered, 400-499 FeatureNotEnabled,
    400-499 MissingChannelId, 400-499 MissingPushType, 400-499 TopicMismatch
"""
FCM_CODES = """
    400 UNSPECIFIED_ERROR, 429 UNSPECIFIED_ERROR, 500 UNSPECIFIED_ERROR, 503 UNSPECIFIED_ERROR, 400 INVALID_ARGUMENT,
    404 UNREGISTERED, 403 SENDER_ID_MISMATCH, 429 QUOTA_EXCEEDED, 503 UNAVAILABLE, 500 INTERNAL,
    401 THIRD_PARTY_AUTH_ERROR, 401 APNS_AUTH_ERROR
"""
FCM_WITHOUT_CODE = """
    400 INVALID_ARGUMENT, 401 UNAUTHENTICATED, 403 PERMISSION_DENIED, 404 NOT_FOUND, 429 RESOURCE_EXHAUSTED,
    503 UNAVAILABLE, 500 INTERNAL
"""
FCM_STATUS = "400 (any, 401 (any, 403 (no, 404 (no, 413 (any, 429 (any, 500 (any, 502 (any, 503 (any, 504 (any"
FCM_LEGACY = """
    200 MissingRegistration, 200 InvalidRegistration, 200 NotRegistered, 200 MismatchSenderId, 200 InvalidPackageName,
    200 MessageTooBig, 200 InvalidDataKey, 200 InvalidTtl, 200 InvalidParameters, 200 InvalidApnsCredential,
    200 Unavailable, 200 InternalServerError, 200 DeviceMessageRateExceeded, 200 TopicsMessageRateExceeded,
    200 message_id, 400 (any, 401 (any, 500 (any, 503 (any
"""
TOKEN_ENDPOINT = """
    400-499 invalid_grant, 400-499 invalid_client, 400-499 invalid_scope, 400-499 unauthorized_client,
    400-499 invalid_request, any internal_failure, any server_error, any temporarily_unavailable,
    408 (any, 429 (any, 500 (any, 503 (any, 504 (any
"""
ADM = """
    400 InvalidRegistrationId, 400 InvalidData, 400 InvalidConsolidationKey, 400 InvalidExpiration, 400 InvalidChecksum,
    400 InvalidType, 400 Unregistered, 401 AccessTokenExpired, 413 MessageTooLarge, 429 MaxRateExceeded,
    500-599 (any, 503 (any, 404 (any
"""
AMAZON_TOKENS = """
    400-499 invalid_client, 400-499 invalid_scope, 400-499 invalid_request, 400-499 unsupported_grant_type,
    400-499 unauthorized_client, 429 (any, 500 (any, 503 (any
"""
BAIDU = """
    any 30600, any 30601, any 30602, any 30603, any 30604, any 30605, any 30606, any 30607, any 30608, any 30609,
    any 30610, any 30611, any 30612, any 30613, any 30614, any 30615, any 30616, any 30617, any 30618, any 30699,
    any 40002, any 110001, 503 (any
"""
REFERENCE = {
    "APNs": APNS,
    "FCM HTTP v1, by `FcmError.errorCode`": FCM_CODES,
    "FCM HTTP v1, without an errorCode, by `error.status`": FCM_WITHOUT_CODE,
    "FCM HTTP v1, with neither, by HTTP status": FCM_STATUS,
    "FCM legacy HTTP (retired)": FCM_LEGACY,
    "Google's token endpoint": TOKEN_ENDPOINT,
    "ADM": ADM,
    "Amazon's token endpoint": AMAZON_TOKENS,
    "Baidu, by `error_code`": BAIDU,
}


def _tables() -> dict[str, tuple[Row, ...]]:
    found: dict[str, tuple[Row, ...]] = {}
    for module in pkgutil.iter_modules(providers.__path__):
        name = f"{providers.__name__}.{module.name}.outcome"
        if module.ispkg and importlib.util.find_spec(name) is not None:
            tables: Tables = getattr(importlib.import_module(name), "TABLES", {})
            found |= {title: tuple(rows) for title, rows in tables.items()}
    return found


ROWS = [(title, row) for title, rows in _tables().items() for row in rows]


def test_every_table_has_its_reference() -> None:
    """No table of outcomes is left out of the comparison with what the providers document."""
    assert set(_tables()) == set(REFERENCE)


@pytest.mark.parametrize("title", REFERENCE)
def test_every_answer_of_the_reference_is_a_row(title: str) -> None:
    """No reason string or error code that a provider is known to give is without its row."""
    rows = _tables()[title]
    words = {(row.http, row.answer.split(",")[0].split(" ")[0]) for row in rows}
    documented = {(entry.split()[0], entry.split()[1]) for entry in REFERENCE[title].split(",")}
    assert documented <= words


@pytest.mark.parametrize(("title", "row"), ROWS, ids=lambda value: value if isinstance(value, str) else value.answer)
def test_each_row_is_sound(title: str, row: Row) -> None:
    """Texts and reasons are there; what kills an address breaks no credential; what is repeated may pass."""
    if row.status == msg.DELIVERY_STATUS_SUCCESSFUL:
        assert row.reason == err.ERROR_REASON_UNSPECIFIED
        assert not any((row.token_dead, row.credential_broken, row.renew, row.repeat, row.message))
        return
    assert row.reason != err.ERROR_REASON_UNSPECIFIED
    assert row.message
    assert not row.replaces_token
    assert not (row.token_dead and row.credential_broken)
    assert not (row.token_dead and row.status != msg.DELIVERY_STATUS_PERMANENT_FAILURE)
    if row.repeat:
        assert row.status in {msg.DELIVERY_STATUS_TEMPORARY_FAILURE, msg.DELIVERY_STATUS_THROTTLED}
    if row.credential_broken:
        assert row.reason == err.ERROR_REASON_CREDENTIAL_REJECTED
    if row.token_dead:
        assert row.reason in {err.ERROR_REASON_ADDRESS_UNREGISTERED, err.ERROR_REASON_ADDRESS_INVALID}


def test_only_these_answers_kill_an_address() -> None:
    """Dead-token detection stays narrow: a wrong environment, app, project or credential never condemns an address."""
    dead = {(title, row.answer) for title, row in ROWS if row.token_dead}
    assert dead == {
        ("APNs", "ExpiredToken"),
        ("APNs", "Unregistered"),
        ("FCM HTTP v1, by `FcmError.errorCode`", "UNREGISTERED"),
        (
            "FCM HTTP v1, by `FcmError.errorCode`",
            "INVALID_ARGUMENT (names `message.token`, or calls the registration token invalid)",
        ),
        ("FCM legacy HTTP (retired)", "InvalidRegistration"),
        ("FCM legacy HTTP (retired)", "NotRegistered"),
        ("ADM", "InvalidRegistrationId"),
        ("ADM", "Unregistered"),
        ("Baidu, by `error_code`", "30608"),
    }


def test_whose_throttling_lasts_a_minute() -> None:
    """Google asks for a minute after a 429 that names no time, and clients of ADM wait as long; nothing else does."""
    minute = {(title, row.answer) for title, row in ROWS if row.least_pause}
    assert {row.least_pause for _, row in ROWS} == {0.0, 60.0}
    throttled = {(title, row.answer) for title, row in ROWS if row.repeat and row.status == THROTTLED}
    assert minute == {(title, answer) for title, answer in throttled if title.startswith(("FCM", "ADM"))}


def test_the_page_shows_every_row() -> None:
    """docs/errors.md, as generated, has a heading for each table and a line for each row."""
    generated = error_reference.PAGE.tables["outcomes"]()
    assert generated in error_reference.PAGE.renewed()
    for title in _tables():
        assert f"### {title}\n" in generated
    lines = [line for line in generated.splitlines() if line.startswith("| ") and not line.startswith("| HTTP")]
    assert len(lines) == len(ROWS)
