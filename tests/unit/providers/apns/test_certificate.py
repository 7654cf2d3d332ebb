"""What is read from certificates, and what is said about wrong ones."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from hypothesis import given
from hypothesis import strategies as st

from clarion.v1 import error_pb2 as err
from clarion.v1.channel_pb2 import ApnsCertificate, PemCertificate, Pkcs12Certificate
from clarion_server.providers.apns.certificate import load_client_certificate, read_certificate, topics_of
from clarion_server.providers.apns.sandbox_identity import write_topics

MakeCertificate = Callable[..., x509.Certificate]


def _pem_key(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()


def _p12(key: Any, certificate: x509.Certificate | None, encryption: Any) -> bytes:
    return pkcs12.serialize_key_and_certificates(b"push", key, certificate, None, encryption)


def _given(content: bytes, password: str = "") -> ApnsCertificate:
    return ApnsCertificate(pkcs12=Pkcs12Certificate(content=content, password=password))


def _problem(given: ApnsCertificate, now: float) -> tuple[str, err.ErrorReason, str]:
    credential, violations = read_certificate(given, now)
    assert credential is None
    (violation,) = violations
    return violation.path, violation.reason, violation.message


def test_both_formats_give_the_same_credential(
    make_certificate: MakeCertificate, rsa_key: rsa.RSAPrivateKey, now: float
) -> None:
    """A .p12 and the PEM pair of the same certificate are one credential: common name, SHA-256 of DER, expiry."""
    certificate = make_certificate()
    pair = ApnsCertificate(pem=PemCertificate(certificate=_pem(certificate), private_key=_pem_key(rsa_key)))
    one, problems = read_certificate(pair, now)
    assert problems == []
    other, problems = read_certificate(_given(_p12(rsa_key, certificate, BestAvailableEncryption(b"pw")), "pw"), now)
    assert problems == []
    assert one is not None
    assert one == other
    assert one.public_id == "Apple Push Services: com.example.app"
    assert one.fingerprint == hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()
    assert one.expire_time == certificate.not_valid_after_utc
    client, loaded = load_client_certificate(one.secret)
    assert loaded == certificate
    assert client.key_pem.decode() == _pem_key(rsa_key)


_FORMATS = {
    "3DES": lambda: (
        pkcs12_encryption().key_cert_algorithm(pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC).hmac_hash(hashes.SHA1())
    ),
    "AES": lambda: pkcs12_encryption().key_cert_algorithm(pkcs12.PBES.PBESv2SHA256AndAES256CBC),
}


def pkcs12_encryption() -> Any:
    """Return a builder of PKCS#12 encryption."""
    return PrivateFormat.PKCS12.encryption_builder().kdf_rounds(1000)


@pytest.mark.parametrize("name", _FORMATS)
def test_old_and_new_encryption_is_read(
    make_certificate: MakeCertificate, rsa_key: rsa.RSAPrivateKey, now: float, name: str
) -> None:
    """Files as Keychain writes them (3DES, SHA-1) are read like modern ones."""
    content = _p12(rsa_key, make_certificate(), _FORMATS[name]().build(b"pw"))
    credential, problems = read_certificate(_given(content, "pw"), now)
    assert problems == []
    assert credential is not None


def test_no_password_and_an_empty_one_are_the_same(
    make_certificate: MakeCertificate, rsa_key: rsa.RSAPrivateKey, now: float
) -> None:
    """A file without encryption opens with the default, empty password."""
    credential, problems = read_certificate(_given(_p12(rsa_key, make_certificate(), NoEncryption())), now)
    assert problems == []
    assert credential is not None


@pytest.mark.parametrize("password", ["", "wrong"])
def test_a_wrong_password_is_told_at_the_password(
    make_certificate: MakeCertificate, rsa_key: rsa.RSAPrivateKey, now: float, password: str
) -> None:
    """A wrong or absent password is said to be that, at its field, without quoting it."""
    content = _p12(rsa_key, make_certificate(), BestAvailableEncryption(b"pw"))
    path, reason, message = _problem(_given(content, password), now)
    assert (path, reason) == ("pkcs12.password", err.ERROR_REASON_CREDENTIAL_INVALID)
    assert ("absent" in message) == (not password)
    assert "wrong" not in message


def test_wrong_files_are_named(make_certificate: MakeCertificate, rsa_key: rsa.RSAPrivateKey, now: float) -> None:
    """PEM in the place of a .p12, anything else, a damaged file, and one without its key get texts of their own."""
    certificate = make_certificate()
    good = _p12(rsa_key, certificate, NoEncryption())
    for content, expected in [
        (_pem(certificate).encode(), "is PEM text"),
        (b"MIIK", "is not a PKCS#12"),
        (good[:200], "damaged"),
        (_p12(None, certificate, NoEncryption()), "holds no private key"),
        (_p12(rsa_key, None, NoEncryption()), "holds no certificate"),
    ]:
        path, reason, message = _problem(_given(content), now)
        assert (path, reason) == ("pkcs12.content", err.ERROR_REASON_CREDENTIAL_INVALID)
        assert expected in message
    assert _problem(_given(b""), now)[:2] == ("pkcs12.content", err.ERROR_REASON_FIELD_REQUIRED)
    assert _problem(_given(b"0" * 65537), now)[:2] == ("pkcs12.content", err.ERROR_REASON_FIELD_TOO_LONG)


def test_wrong_pairs_are_named(make_certificate: MakeCertificate, rsa_key: rsa.RSAPrivateKey, now: float) -> None:
    """Each way in which certificate and key as PEM can be wrong is told at the field that is."""
    certificate = make_certificate()
    stranger = rsa.generate_private_key(65537, 2048)
    ours = _pem_key(rsa_key)
    other = _other_certificate(stranger)
    for text, key, path, expected in [
        (_pem(certificate), _pem_key(stranger), "pem.private_key", "does not belong"),
        (_pem(other) + _pem(certificate), ours, "pem.certificate", "must begin with the client's own"),
        ("nonsense", ours, "pem.certificate", "is not PEM text"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", ours, "pem.certificate", "damaged"),
        (_pem(certificate), "nonsense", "pem.private_key", "is not PEM text"),
    ]:
        given = ApnsCertificate(pem=PemCertificate(certificate=text, private_key=key))
        found_path, reason, message = _problem(given, now)
        assert (found_path, reason) == (path, err.ERROR_REASON_CREDENTIAL_INVALID)
        assert expected in message


def _other_certificate(key: rsa.RSAPrivateKey) -> x509.Certificate:
    name = x509.Name([])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    start = datetime(2030, 1, 1, tzinfo=UTC)
    builder = builder.serial_number(1).not_valid_before(start).not_valid_after(start + timedelta(days=400))
    return builder.sign(key, hashes.SHA256())


def test_an_expired_certificate_is_refused_with_its_date(
    make_certificate: MakeCertificate, rsa_key: rsa.RSAPrivateKey, now: float
) -> None:
    """At the very second of its expiry a certificate is refused, and the text says when that was."""
    certificate = make_certificate()
    content = _p12(rsa_key, certificate, NoEncryption())
    expiry = certificate.not_valid_after_utc
    _, reason, message = _problem(_given(content), expiry.timestamp())
    assert reason == err.ERROR_REASON_CREDENTIAL_INVALID
    assert f"expired on {expiry:%Y-%m-%d}" in message
    assert read_certificate(_given(content), expiry.timestamp() - 1)[1] == []


def test_a_certificate_of_the_future_is_taken(
    make_certificate: MakeCertificate, rsa_key: rsa.RSAPrivateKey, now: float
) -> None:
    """A certificate may be given before its time begins."""
    content = _p12(rsa_key, make_certificate(), NoEncryption())
    assert read_certificate(_given(content), now - 10**8)[1] == []


def test_topics_come_from_subject_and_extension(make_certificate: MakeCertificate) -> None:
    """The UID is the first topic, those of Apple's extension follow, each once; a malformed extension adds none."""
    listed = write_topics(
        {"com.example.app": "app", "com.example.app.voip": "voip", "com.example.app." + "x" * 120: "x"}
    )
    assert topics_of(make_certificate(topics=listed)) == (
        "com.example.app",
        "com.example.app.voip",
        "com.example.app." + "x" * 120,
    )
    assert topics_of(make_certificate()) == ("com.example.app",)
    for malformed in (b"\x00", b"\x30\x85", b"\x30\x03\x0c\x7fa", listed[:-1]):
        assert topics_of(make_certificate(topics=malformed))[0] == "com.example.app"


def test_a_file_that_asks_for_endless_work_is_given_up(
    make_certificate: MakeCertificate, rsa_key: rsa.RSAPrivateKey, now: float
) -> None:
    """2^31 - 1 iterations, which would take minutes, end as a violation that names the remedy."""
    content = _p12(rsa_key, make_certificate(), BestAvailableEncryption(b"pw"))
    # Both sequences that end with the file end with the integrity check's count, an integer of two bytes.
    assert content[:2] == b"\x30\x82"
    assert content[-4:] == b"\x02\x02\x08\x00"
    check = content.rindex(b"\x30\x41\x30\x31")
    assert len(content) == check + 2 + 0x41
    content = (
        b"\x30\x82"
        + (int.from_bytes(content[2:4], "big") + 2).to_bytes(2, "big")
        + content[4:check]
        + b"\x30\x43"
        + content[check + 2 : -4]
        + b"\x02\x04\x7f\xff\xff\xff"
    )
    path, reason, message = _problem(_given(content, "pw"), now)
    assert (path, reason) == ("pkcs12.content", err.ERROR_REASON_CREDENTIAL_INVALID)
    assert "takes too long to open" in message
    assert "export it again" in message


def _long_rsa_key() -> rsa.RSAPrivateKey:
    """Return what looks like an RSA key of 4198 bits, but would not pass a check."""
    p, q = 2**2099 + 1, 2**2098 + 3
    numbers = rsa.RSAPrivateNumbers(p, q, 5, 5, 5, 5, rsa.RSAPublicNumbers(65537, p * q))
    return numbers.private_key(unsafe_skip_rsa_key_validation=True)


def test_a_long_rsa_key_is_refused_unchecked(make_certificate: MakeCertificate, now: float) -> None:
    """More than 4096 bits are refused for their number, before the check that takes seconds."""
    pair = ApnsCertificate(
        pem=PemCertificate(certificate=_pem(make_certificate()), private_key=_pem_key(_long_rsa_key()))
    )
    path, reason, message = _problem(pair, now)
    assert (path, reason) == ("pem.private_key", err.ERROR_REASON_CREDENTIAL_INVALID)
    assert "4198 bits; the most is 4096" in message


def test_a_long_rsa_key_in_a_file_is_refused(
    make_certificate: MakeCertificate, rsa_key: rsa.RSAPrivateKey, now: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bound on RSA keys holds for PKCS#12 files too."""
    monkeypatch.setattr("clarion_server.providers.checks.MAX_RSA_BITS", 2047)
    path, reason, message = _problem(_given(_p12(rsa_key, make_certificate(), NoEncryption())), now)
    assert (path, reason) == ("pkcs12.content", err.ERROR_REASON_CREDENTIAL_INVALID)
    assert "2048 bits" in message


@pytest.fixture(scope="module", name="pair")
def pair_fixture(make_certificate: MakeCertificate, rsa_key: rsa.RSAPrivateKey) -> tuple[bytes, str]:
    """Provide a certificate (DER) and its key (PEM)."""
    return make_certificate().public_bytes(Encoding.DER), _pem_key(rsa_key)


def _read_der(der: bytes, key: str, now: float) -> err.ErrorReason | None:
    """Return the reason for which a certificate is refused; None if it is taken, and then its topics can be read."""
    text = f"-----BEGIN CERTIFICATE-----\n{base64.encodebytes(der).decode()}-----END CERTIFICATE-----\n"
    pem = PemCertificate(certificate=text, private_key=key)
    credential, violations = read_certificate(ApnsCertificate(pem=pem), now)
    if credential is not None:
        topics_of(load_client_certificate(credential.secret)[1])
        return None
    return violations[0].reason


@pytest.mark.parametrize(
    ("good", "bad"), [(b"Apple Push", b"App\xffe Push"), (b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x30")]
)
def test_an_unreadable_piece_condemns_the_certificate(
    pair: tuple[bytes, str], now: float, good: bytes, bad: bytes
) -> None:
    """A subject that is no UTF-8, and a version that does not exist, make the certificate invalid, not the server."""
    der, key = pair
    assert good in der
    assert _read_der(der.replace(good, bad), key, now) == err.ERROR_REASON_CREDENTIAL_INVALID


@given(changes=st.lists(st.tuples(st.integers(0, 2**16), st.integers(0, 255)), min_size=1, max_size=4))
@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
def test_any_damage_has_an_answer(pair: tuple[bytes, str], now: float, changes: list[tuple[int, int]]) -> None:
    """Whatever bytes of a certificate are changed, it is taken or called invalid."""
    der = bytearray(pair[0])
    for place, byte in changes:
        der[place % len(der)] = byte
    assert _read_der(bytes(der), pair[1], now) in {None, err.ERROR_REASON_CREDENTIAL_INVALID}
