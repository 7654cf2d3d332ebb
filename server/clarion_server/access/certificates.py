"""Whom a TLS client certificate names."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from clarion_server.access.names import USER_NAME, user_arn
from clarion_server.access_model import CredentialType, Identity, IdentityKind
from clarion_server.errors import TokenInvalid


def certificate_identity(pem: bytes, *, account: str, users: Mapping[str, str]) -> Identity:
    """Return whom a certificate, which TLS has proved, names: a user.

    A certificate with a SPIFFE id (`spiffe://DOMAIN/PATH`, a URI among its subject alternative names) is the user that
    `users` gives for the id; without an entry, the user of the path's name if the path has one segment. Any other is
    the user that `users` gives for its common name, or the user of that name.

    Raises:
        TokenInvalid: it names nobody.
    """
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        spiffe = _spiffe_ids(certificate)
        names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    except ValueError:
        raise TokenInvalid("the client certificate cannot be read") from None
    if len(spiffe) > 1:
        raise TokenInvalid("the client certificate has more than one SPIFFE id")
    if spiffe:
        name = users.get(spiffe[0], urlsplit(spiffe[0]).path.removeprefix("/"))
    elif len(names) == 1:
        common_name = str(names[0].value)
        name = users.get(common_name, common_name)
    else:
        raise TokenInvalid("the client certificate has neither a SPIFFE id nor one common name")
    if not USER_NAME.fullmatch(name):
        raise TokenInvalid(
            "the client certificate's SPIFFE id or common name is no user's; name it in tls_client_users"
        )
    return Identity(
        arn=user_arn(account, name),
        account=account,
        kind=IdentityKind.USER,
        name=name,
        credential=CredentialType.CLIENT_CERTIFICATE,
        credential_id=certificate.fingerprint(SHA256()).hex(),
        expire_time=certificate.not_valid_after_utc.astimezone(UTC),
    )


def _spiffe_ids(certificate: x509.Certificate) -> list[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [uri for uri in names.get_values_for_type(x509.UniformResourceIdentifier) if uri.startswith("spiffe://")]
