from __future__ import annotations

from pathlib import Path

import pytest

import clarion
from clarion.v1 import channel_pb2

SECRET = "c4na7y-secret"


def test_credentials_are_read_from_files_into_settings(tmp_path: Path) -> None:
    """What the files hold arrives unchanged in the field it belongs to."""
    file = tmp_path / "file"
    file.write_text(SECRET)
    key = clarion.ApnsKey.from_file(file, "K", "T")
    p12 = clarion.ApnsCertificate.from_p12(file, "pass")
    settings = clarion.apns_channel(
        "APNS_VOIP", bundle_id="a.b", key=key, certificate=p12, default_authentication_method="certificate"
    )
    assert settings.type == channel_pb2.CHANNEL_TYPE_APNS_VOIP
    assert settings.apns.signing_key == channel_pb2.ApnsSigningKey(private_key=SECRET, key_id="K", team_id="T")
    assert settings.apns.certificate.pkcs12.content == SECRET.encode()
    assert settings.apns.certificate.pkcs12.password == "pass"
    assert settings.apns.default_authentication_method == channel_pb2.APNS_AUTHENTICATION_METHOD_CERTIFICATE
    pem = clarion.ApnsCertificate.from_pem(file, file)
    assert clarion.apns_channel(certificate=pem).apns.certificate.pem.private_key == SECRET
    account = clarion.FcmServiceAccount.from_file(file)
    fcm = clarion.fcm_channel(service_account=account, legacy_key="old", presentation="PINPOINT_SDK").fcm
    assert (fcm.service_account.json, fcm.legacy_key.server_key) == (SECRET, "old")
    assert fcm.presentation == channel_pb2.FCM_PRESENTATION_PINPOINT_SDK
    assert clarion.adm_channel("C", SECRET).adm.client.client_secret == SECRET
    assert clarion.baidu_channel("A", SECRET).baidu.key_pair.secret_key == SECRET


def test_settings_say_enabled_only_when_told() -> None:
    """An absent `enabled` leaves the channel as it is; False switches it off."""
    assert not clarion.apns_channel().HasField("enabled")
    assert clarion.channel_settings("FCM", enabled=False).HasField("enabled")


def test_secrets_are_not_in_representations(tmp_path: Path) -> None:
    """`repr` and `str` of what holds a secret do not show it."""
    file = tmp_path / "file"
    file.write_text(SECRET)
    for holder in (
        clarion.ApnsKey.from_file(file, "K", "T"),
        clarion.ApnsCertificate.from_p12(file, SECRET),
        clarion.ApnsCertificate.from_pem(file, file),
        clarion.FcmServiceAccount.from_file(file),
    ):
        assert SECRET not in f"{holder!r} {holder}"


def test_a_binary_file_where_text_belongs_is_told_without_its_content(tmp_path: Path) -> None:
    """A .p12 given as .p8 is a clear error that quotes nothing of it."""
    file = tmp_path / "file"
    file.write_bytes(b"\xff" + SECRET.encode())
    with pytest.raises(ValueError, match="not a text file") as caught:
        clarion.ApnsKey.from_file(file, "K", "T")
    assert SECRET not in str(caught.value)
