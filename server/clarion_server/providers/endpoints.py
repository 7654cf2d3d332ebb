"""Checks of where a provider is, for its settings: addresses, and the authorities to trust there.

Apart from the checks of messages (`checks.py`), because settings are read by commands that send nothing.
"""

from __future__ import annotations

import ssl
from functools import lru_cache
from typing import Annotated, TypeAlias
from urllib.parse import urlsplit

from pydantic import AfterValidator


def ca_file(path: str | None) -> str | None:
    """Return the path of a file of certificate authorities, None if there is none.

    Raises:
        ValueError: it cannot be read, or holds no certificate.
    """
    if path is not None:
        try:
            ssl.create_default_context(cafile=path)
        except OSError as error:  # ssl.SSLError is one
            raise ValueError(f"must be a PEM file with certificates; {path} is not ({error.strerror})") from None
    return path


@lru_cache(256)
def https_origin(url: str) -> tuple[str, int]:
    """Return host and port of an endpoint such as `https://api.push.apple.com` or `https://localhost:8443`.

    Raises:
        ValueError: it is something else: another scheme, no host, a path, a user, …
    """
    parts = urlsplit(url)
    extra = parts.path not in {"", "/"} or parts.query or parts.fragment or parts.username is not None
    if parts.scheme != "https" or not parts.hostname or parts.port == 0 or extra:
        raise ValueError("must be https://HOST or https://HOST:PORT and nothing more")
    return parts.hostname, 443 if parts.port is None else parts.port


def https_url(url: str) -> None:
    """Check the URL of a single resource, such as a token endpoint.

    Raises:
        ValueError: it is not https, or has no host, or a user name.
    """
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname or parts.username is not None:
        raise ValueError("must be an https:// URL without a user name")


def _origin(url: str) -> str:
    https_origin(url)
    return url


def _url(url: str) -> str:
    https_url(url)
    return url


CaFile: TypeAlias = Annotated[str | None, AfterValidator(ca_file)]
"""A setting that `ca_file` checks."""
HttpsOrigin: TypeAlias = Annotated[str, AfterValidator(_origin)]
"""A setting that `https_origin` checks."""
HttpsUrl: TypeAlias = Annotated[str, AfterValidator(_url)]
"""A setting that `https_url` checks."""
