from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from clarion.v1 import channel_pb2, error_pb2
from clarion.v1.channel_pb2 import FcmLegacyKey, FcmServiceAccount
from clarion_server.errors import FieldViolation
from clarion_server.model import Credential
from clarion_server.providers.fcm.credentials import ServiceAccount, read_legacy_key, read_service_account
from tests.unit.providers.fcm import keys


def _read(text: str, *, any_token_uri: bool = False) -> Credential | FieldViolation:
    return read_service_account(FcmServiceAccount(json=text), any_token_uri=any_token_uri)


def _good(text: str, *, any_token_uri: bool = False) -> Credential:
    credential = _read(text, any_token_uri=any_token_uri)
    assert isinstance(credential, Credential), credential
    return credential


def test_a_good_service_account() -> None:
    """E-mail address is public, the fingerprint is that of the public key, and the secret can be used again."""
    credential = _good(keys.service_account_json())
    public = (
        keys.rsa_key()
        .public_key()
        .public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    assert credential.kind == channel_pb2.CREDENTIAL_KIND_FCM_SERVICE_ACCOUNT
    assert credential.public_id == "sender@demo-project.iam.gserviceaccount.com"
    assert credential.fingerprint == hashlib.sha256(public).hexdigest()
    account = ServiceAccount.from_secret(credential.secret)
    assert account.project_id == "demo-project"
    assert account.private_key_id == "0123456789abcdef"
    assert account.token_uri == keys.TOKEN_URI
    assert account.private_key == keys.pem(keys.rsa_key())


def test_equal_files_are_equal_secrets() -> None:
    """Order of keys, spaces and keys that are not needed make no difference."""
    content = keys.service_account()
    other = dict(reversed(content.items())) | {"universe_domain": "googleapis.com"}
    assert _good(json.dumps(content)).secret == _good(json.dumps(other, indent=4)).secret


def test_nothing_secret_in_repr() -> None:
    """Neither the credential nor the service account shows the key."""
    credential = _good(keys.service_account_json())
    for thing in (credential, ServiceAccount.from_secret(credential.secret)):
        assert "PRIVATE KEY" not in repr(thing)


_WEB_APP = '{"apiKey": "k", "authDomain": "d", "projectId": "p", "appId": "a"}'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is not JSON (line 1, column 2)"),
        ('{\n"type": service_account}', "is not JSON (line 2, column 9)"),
        ("[]", "is JSON, but no object"),
        ("[" * 9000, "is not JSON"),
        ("1" * 5000, "is not JSON"),
        ("-----BEGIN PRIVATE KEY-----", "is a private key alone"),
        ("<?xml version='1.0'?>", "is XML"),
        (_WEB_APP, "is the configuration of a web app"),
        (f"const firebaseConfig = {_WEB_APP}", "is the configuration of a web app"),
        ('{"project_info": {}, "client": []}', "is a google-services.json"),
        ('{"installed": {}}', "is an OAuth client"),
        ('{"web": {}}', "is an OAuth client"),
        (keys.service_account_json(type="authorized_user"), "is a credential of type authorized_user"),
        (keys.service_account_json(type="else"), "its type is not service_account"),
        ("{}", "lacks type, project_id, private_key, client_email, token_uri"),
        (keys.service_account_json(project_id=None, token_uri=""), "lacks project_id, token_uri"),
        (keys.service_account_json(project_id=7), "project_id must be a text"),
        (keys.service_account_json(private_key_id=["x"]), "private_key_id must be a text"),
        (keys.service_account_json(project_id="a/../b"), "project_id is not the id of a project"),
        (keys.service_account_json(client_email="nobody"), "client_email is not an e-mail address"),
        (keys.service_account_json(private_key="x"), "private_key is not a readable PEM private key; copy"),
        (
            keys.service_account_json(private_key=keys.pem(keys.rsa_key()).replace("\n", "\\n")),
            "escaped twice",
        ),
        (keys.service_account_json(private_key=keys.pem(keys.ec_key())), "private_key is not an RSA key"),
        (keys.service_account_json(private_key=keys.pem(keys.rsa_key(1024))), "private_key has 1024 bits"),
        (keys.service_account_json(private_key=keys.pem(keys.rsa_key(), b"pw")), "encrypted with a password"),
    ],
)
def test_what_is_wrong_with_a_file(text: str, words: str) -> None:
    """The text says what is wrong, the path is that of the field, and no part of the key is quoted."""
    violation = _read(text)
    assert isinstance(violation, FieldViolation)
    assert words in violation.message
    assert violation.path == "json"
    assert violation.reason == error_pb2.ERROR_REASON_CREDENTIAL_INVALID
    assert "BEGIN" not in violation.message


@pytest.mark.parametrize(
    "token_uri",
    [
        "http://oauth2.googleapis.com/token",
        "https://oauth2.googleapis.com.example.com/token",
        "https://googleapis.com.evil/token",
        "https://evilgoogleapis.com/token",
        "https://169.254.169.254/token",
        "https://oauth2.googleapis.com:8443/token",
        "https://oauth2.googleapis.com@evil.example/token",
        "https://user@oauth2.googleapis.com/token",
        "https://oauth2.googleapis.com/to ken",
        "https://[::1/token",
        "file:///etc/passwd",
        "token",
    ],
)
def test_token_uri_must_be_google_s(token_uri: str) -> None:
    """The server connects to it, so a file cannot send it anywhere else."""
    violation = _read(keys.service_account_json(token_uri=token_uri))
    assert isinstance(violation, FieldViolation)
    assert violation.message.startswith("token_uri")
    assert "evil" not in violation.message


@pytest.mark.parametrize(
    "token_uri", ["https://accounts.google.com/o/oauth2/token", "https://www.googleapis.com:443/oauth2/v4/token"]
)
def test_google_s_older_token_uris(token_uri: str) -> None:
    """Old key files name other hosts of Google."""
    assert ServiceAccount.from_secret(_good(keys.service_account_json(token_uri=token_uri)).secret).token_uri


def test_token_uri_may_be_anything_https_when_the_operator_names_the_endpoint() -> None:
    """The server then does not connect to it; plain http stays refused."""
    text = keys.service_account_json(token_uri="https://localhost:9/token")
    assert isinstance(_read(text), FieldViolation)
    assert ServiceAccount.from_secret(_good(text, any_token_uri=True).secret).token_uri == "https://localhost:9/token"
    assert isinstance(_read(text.replace("https://l", "http://l"), any_token_uri=True), FieldViolation)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", error_pb2.ERROR_REASON_FIELD_REQUIRED),
        (" " * 20000, error_pb2.ERROR_REASON_FIELD_TOO_LONG),
        (" " * 20000 + "{}", error_pb2.ERROR_REASON_FIELD_TOO_LONG),
    ],
)
def test_bounds_of_the_file(text: str, reason: error_pb2.ErrorReason) -> None:
    """An empty file and one of more than 16 KiB have reasons of their own."""
    violation = _read(text)
    assert isinstance(violation, FieldViolation)
    assert violation.reason == reason


def test_legacy_key() -> None:
    """The fingerprint is that of the text; nothing of a legacy key is public."""
    credential = read_legacy_key(FcmLegacyKey(server_key="AAAA:key"))
    assert isinstance(credential, Credential)
    assert credential.kind == channel_pb2.CREDENTIAL_KIND_FCM_LEGACY_KEY
    assert credential.public_id == ""
    assert credential.secret == b"AAAA:key"
    assert credential.fingerprint == hashlib.sha256(b"AAAA:key").hexdigest()


@pytest.mark.parametrize("key", ["", "k" * 513, "ключ", "a\nb", " key"])
def test_legacy_key_out_of_bounds(key: str) -> None:
    """1 to 512 printable ASCII characters, and the key is not quoted."""
    violation: Any = read_legacy_key(FcmLegacyKey(server_key=key))
    assert isinstance(violation, FieldViolation)
    assert violation.path == "server_key"
    assert not key or key not in violation.message


@pytest.mark.parametrize("value", [[], {}, [1], {"a": 1}, 7, True])
@pytest.mark.parametrize("name", sorted(keys.service_account()))
def test_values_of_any_type_have_an_answer(name: str, value: Any) -> None:
    """A value of the wrong type is told as that; only those that are not used may be anything."""
    result = _read(json.dumps(keys.service_account() | {name: value}))
    if name == "client_id":
        assert isinstance(result, Credential)
    else:
        assert isinstance(result, FieldViolation)
        assert result.reason == error_pb2.ERROR_REASON_CREDENTIAL_INVALID


def test_a_long_key_is_refused_unchecked() -> None:
    """More than 4096 bits are refused for their number, before the check that takes seconds and that this key fails."""
    p, q = 2**2099 + 1, 2**2098 + 3
    numbers = rsa.RSAPrivateNumbers(p, q, 5, 5, 5, 5, rsa.RSAPublicNumbers(65537, p * q))
    long_key = numbers.private_key(unsafe_skip_rsa_key_validation=True)
    violation = _read(keys.service_account_json(private_key=keys.pem(long_key)))
    assert isinstance(violation, FieldViolation)
    assert violation.reason == error_pb2.ERROR_REASON_CREDENTIAL_INVALID
    assert "4198 bits; the most is 4096" in violation.message


@given(st.lists(st.tuples(st.integers(0, 2**16), st.characters(codec="utf-8")), min_size=1, max_size=4))
def test_any_damage_has_an_answer(changes: list[tuple[int, str]]) -> None:
    """Whatever characters of a key file are changed, it is taken or called invalid."""
    text = list(keys.service_account_json())
    for place, character in changes:
        text[place % len(text)] = character
    result = _read("".join(text))
    assert isinstance(result, Credential) or result.reason == error_pb2.ERROR_REASON_CREDENTIAL_INVALID
