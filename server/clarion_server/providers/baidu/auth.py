"""Signs requests to Baidu Cloud Push.

Facts: Baidu, "REST API: signature", and its SDKs. The signature is the MD5, in lower-case hexadecimal, of the
URL-encoded concatenation of method, URL, all parameters as `key=value` sorted by key without anything between them, and
the secret key. It counts for ten minutes from `timestamp`.

Encoding goes character by character, and a form encodes its values in the same way. So the signed text can be put
together from the form: `=` becomes `%3D`, `&` nothing.
"""

from __future__ import annotations

import hashlib
from urllib.parse import quote_plus


def encode(text: str) -> str:
    """Return a text URL-encoded as Baidu does it: like PHP's `urlencode`, which also encodes `~`."""
    return quote_plus(text).replace("~", "%7E")


def signed_form(form: str) -> str:
    """Return what of a form (parameters sorted by key, values encoded) goes into the signed text."""
    return form.replace("&", "").replace("=", "%3D")


def signature(start: str, signed: str, secret: str) -> str:
    """Return a signature.

    Args:
        start: `encode(METHOD + URL)`.
        signed: `signed_form` of all parameters but `sign`.
        secret: `encode(SECRET_KEY)`. Secret.
    """
    return hashlib.md5(f"{start}{signed}{secret}".encode(), usedforsecurity=False).hexdigest()
