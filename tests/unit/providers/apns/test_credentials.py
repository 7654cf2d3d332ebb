"""What is read from signing keys, and what is said about wrong ones."""

from __future__ import annotations

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from clarion.v1 import channel_pb2
from clarion.v1 import error_pb2 as err
from clarion.v1.channel_pb2 import ApnsSettings, ApnsSigningKey
from clarion_server.providers.apns.credentials import load_signing_key, read_credentials, read_signing_key


def _with(key: ApnsSigningKey, **fields: str) -> ApnsSigningKey:
    changed = ApnsSigningKey()
    changed.CopyFrom(key)
    for name, value in fields.items():
        setattr(changed, name, value)
    return changed


def test_a_good_key_is_read(signing_key: ApnsSigningKey) -> None:
    """The credential tells key id, team and the SHA-256 of the public key, and its secret gives the key back."""
    credential, violations = read_signing_key(signing_key)
    assert violations == []
    assert credential is not None
    private = load_pem_private_key(signing_key.private_key.encode(), None)
    spki = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert credential.kind == channel_pb2.CREDENTIAL_KIND_APNS_SIGNING_KEY
    assert credential.public_id == "KEY1234567"
    assert credential.team_id == "TEAM123456"
    assert credential.fingerprint == hashlib.sha256(spki).hexdigest()
    assert credential.expire_time is None
    loaded = load_signing_key(credential.secret)
    assert (loaded.key_id, loaded.team_id) == ("KEY1234567", "TEAM123456")
    assert loaded.private_key.private_numbers() == private.private_numbers()  # type: ignore[union-attr]


def test_neither_credential_nor_key_shows_the_secret(signing_key: ApnsSigningKey) -> None:
    """The repr of what holds a key does not hold the key."""
    credential, _ = read_signing_key(signing_key)
    assert credential is not None
    line = signing_key.private_key.splitlines()[1]
    assert line not in repr(credential)
    assert line not in repr(load_signing_key(credential.secret))


def test_windows_line_ends_and_blank_space_do_not_matter(signing_key: ApnsSigningKey) -> None:
    """The same key with other line ends is the same credential, secret included."""
    plain, _ = read_signing_key(signing_key)
    other, violations = read_signing_key(
        _with(signing_key, private_key="\r\n" + signing_key.private_key.replace("\n", "\r\n"))
    )
    assert violations == []
    assert plain == other


def _pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, password: bytes = b"") -> str:
    how = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how).decode()


def _wrong_keys() -> dict[str, tuple[str, str]]:
    good = ec.generate_private_key(ec.SECP256R1())
    pem = _pem(good)
    public = good.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    lines = pem.splitlines()
    return {
        "empty": ("", "is not PEM"),
        "not PEM": ("hello", "is not PEM"),
        "encrypted": (_pem(good, b"pw"), "is encrypted"),
        "RSA": (_pem(rsa.generate_private_key(65537, 2048)), "is an RSA key"),
        "wrong curve": (_pem(ec.generate_private_key(ec.SECP384R1())), "on the curve secp384r1"),
        "public": (public, "is a public key"),
        "certificate": ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "is a certificate"),
        "two keys": (pem + pem, "holds 2 private keys"),
        "lost line breaks": (pem.replace("\n", " "), "line breaks are lost"),
        "escaped line breaks": (pem.replace("\n", "\\n"), "two characters \\ and n"),
        "damaged": ("\n".join([lines[0], lines[1][:20], *lines[2:]]) + "\n", "damaged"),
    }


@pytest.mark.parametrize("name", _wrong_keys().keys())
def test_a_wrong_key_is_named(name: str, signing_key: ApnsSigningKey) -> None:
    """Each kind of wrong private key gets a text of its own, at the field, without quoting the key."""
    text, expected = _wrong_keys()[name]
    credential, violations = read_signing_key(_with(signing_key, private_key=text))
    assert credential is None
    (violation,) = violations
    assert violation.path == "private_key"
    if name == "empty":
        assert violation.reason == err.ERROR_REASON_FIELD_REQUIRED
    else:
        assert violation.reason == err.ERROR_REASON_CREDENTIAL_INVALID
        assert expected in violation.message
    assert not any(line and line in violation.message for line in text.splitlines()[1:-1])


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("", err.ERROR_REASON_FIELD_REQUIRED),
        ("key1234567", err.ERROR_REASON_FIELD_MALFORMED),
        ("KEY123456", err.ERROR_REASON_FIELD_MALFORMED),
        ("KEY12345678", err.ERROR_REASON_FIELD_MALFORMED),
        ("KEY123456\n", err.ERROR_REASON_FIELD_MALFORMED),
        ("KEY123456\N{ARABIC-INDIC DIGIT SEVEN}", err.ERROR_REASON_FIELD_MALFORMED),
    ],
)
@pytest.mark.parametrize("field", ["key_id", "team_id"])
def test_ids_have_ten_capitals_and_digits(
    signing_key: ApnsSigningKey, field: str, value: str, reason: err.ErrorReason
) -> None:
    """Key and team ids of another form are refused at their field."""
    credential, violations = read_signing_key(_with(signing_key, **{field: value}))
    assert credential is None
    assert [(violation.path, violation.reason) for violation in violations] == [(field, reason)]


def test_everything_wrong_is_told_at_once_and_the_good_is_kept(signing_key: ApnsSigningKey, now: float) -> None:
    """All violations come together with paths from the settings on; a good credential beside a bad one is returned."""
    settings = ApnsSettings(signing_key=_with(signing_key, key_id="x", private_key="y"))
    good, violations = read_credentials(settings, now)
    assert good == {}
    assert {violation.path for violation in violations} == {"signing_key.key_id", "signing_key.private_key"}
    settings = ApnsSettings(signing_key=signing_key, certificate=channel_pb2.ApnsCertificate())
    good, violations = read_credentials(settings, now)
    assert list(good) == [channel_pb2.CREDENTIAL_KIND_APNS_SIGNING_KEY]
    assert [(one.path, one.reason) for one in violations] == [("certificate", err.ERROR_REASON_FIELD_REQUIRED)]
