"""Whether Baidu accepts a pair of keys: a question for the app's statistics, signed as a push is."""

from __future__ import annotations

from clarion_server.providers.baidu.auth import encode, signature, signed_form
from clarion_server.providers.baidu.credentials import KeyPair
from clarion_server.providers.baidu.payload import HEADERS
from clarion_server.providers.contract import HttpRequest, Sender, Verification
from clarion_server.providers.verifying import ask, is_success, of_failure, of_refusal, valid

PATH = "/rest/3.0/report/statistic_device"


async def verify(sender: Sender, authority: str, keys: KeyPair, now: float) -> Verification:
    """Ask Baidu with a pair of keys.

    Args:
        sender: has the connections, and reads the answer.
        authority: value of `:authority`; it is signed.
        keys: what is tried.
        now: seconds since the epoch.
    """
    exchange = await ask(sender.pool, _question(authority, keys, now))
    if exchange.failure is not None:
        return of_failure(exchange.failure, exchange.failure_detail)
    outcome = sender.classify(exchange)
    if is_success(outcome):
        return valid(outcome, "Baidu accepts the key pair")
    return of_refusal(outcome)


def _question(authority: str, keys: KeyPair, now: float) -> HttpRequest:
    form = f"apikey={encode(keys.api_key)}&timestamp={int(now)}"
    sign = signature(encode(f"POSThttps://{authority}{PATH}"), signed_form(form), encode(keys.secret_key))
    pseudo = (
        (b":method", b"POST"),
        (b":scheme", b"https"),
        (b":authority", authority.encode()),
        (b":path", PATH.encode()),
    )
    return HttpRequest((*pseudo, *HEADERS), f"{form}&sign={sign}".encode())
