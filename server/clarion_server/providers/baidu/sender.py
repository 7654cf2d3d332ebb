"""The way to Baidu with one pair of keys."""

from __future__ import annotations

import re
from collections.abc import Callable

from clarion.v1 import error_pb2
from clarion_server.providers.baidu import outcome
from clarion_server.providers.baidu.auth import encode, signature, signed_form
from clarion_server.providers.baidu.credentials import KeyPair
from clarion_server.providers.contract import HttpRequest, Outcome, Payload, refusal
from clarion_server.transport import Exchange, Pool

_PATH = "/rest/3.0/push/single_device"
_CHANNEL_ID = re.compile(r"[!-9;-~]{1,256}")
_ADDRESS_MALFORMED = refusal(
    error_pb2.ERROR_REASON_ADDRESS_MALFORMED,
    "the address cannot be a channel id, or USER_ID:CHANNEL_ID: a channel id has 1 to 256 printable ASCII characters"
    " without spaces",
)


class BaiduSender:
    """Sends with one pair of keys. Shared by all channels and calls that use it. Implements `Sender`."""

    def __init__(self, pool: Pool, authority: str, keys: KeyPair, clock: Callable[[], float]) -> None:
        self._pool = pool
        self._clock = clock
        self._pseudo_headers = (
            (b":method", b"POST"),
            (b":scheme", b"https"),
            (b":authority", authority.encode()),
            (b":path", _PATH.encode()),
        )
        self._start = encode(f"POSThttps://{authority}{_PATH}")
        self._api_key = encode(keys.api_key)
        self._secret = encode(keys.secret_key)
        # What the prebuilt values below were built for.
        self._payload: Payload | None = None
        self._before = self._after = self._signed_before = self._signed_after = ""
        self._headers: tuple[tuple[bytes, bytes], ...] = ()

    @property
    def pool(self) -> Pool:
        """The connections to Baidu, which all apps share."""
        return self._pool

    def ready(self) -> bool:
        """Return True: each request is signed."""
        return True

    async def authorize(self) -> Outcome | None:
        """Do nothing: every request is signed by itself."""
        return None

    def request(self, payload: Payload, address: str) -> HttpRequest | Outcome:
        """Return the signed request for one channel id, or why the address cannot be one.

        Apps report `USER_ID:CHANNEL_ID` or the channel id alone; it is what follows the last colon.
        """
        channel_id = address.rpartition(":")[2]
        if not _CHANNEL_ID.fullmatch(channel_id):
            return _ADDRESS_MALFORMED
        if payload is not self._payload:
            # Signed is in the order of the keys, and of a payload's only `topic_id` sorts after `timestamp`.
            before, topic, topic_id = payload.body.decode().partition("&topic_id=")
            self._payload, self._before, self._after = payload, before, topic + topic_id
            self._signed_before, self._signed_after = signed_form(before), signed_form(self._after)
            self._headers = (*self._pseudo_headers, *payload.headers)
        first = f"apikey={self._api_key}&channel_id={encode(channel_id)}"
        timestamp = f"timestamp={int(self._clock())}"
        signed = f"{signed_form(first)}{self._signed_before}{signed_form(timestamp)}{self._signed_after}"
        sign = signature(self._start, signed, self._secret)
        form = f"{first}&{self._before}&{timestamp}{self._after}&sign={sign}"
        return HttpRequest(self._headers, form.encode(), proof=sign.encode())

    def renew(self) -> None:
        """Do nothing: a repeated request has a new timestamp."""

    def classify(self, exchange: Exchange) -> Outcome:
        """Return what Baidu's answer means."""
        return outcome.classify(exchange.status, exchange.response_headers, exchange.response_body, self._clock())
