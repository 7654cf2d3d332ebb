"""The send engine: requests to the providers, many at a time, and exactly once each; over HTTP/2, or else HTTP/1.1.

A caller asks :class:`Transport` for the :class:`Pool` of an :class:`Origin` and submits
:class:`Exchange` objects to it; each exchange's ``done()`` is called once, with the answer or
with the :class:`Failure` that says whether the peer may have acted. docs/adr/0003-send-engine.md
explains the decisions.
"""

from __future__ import annotations

from clarion_server.transport.exchange import Exchange, Failure, Flow
from clarion_server.transport.origin import ClientCertificate, Origin, TlsIdentity
from clarion_server.transport.pool import Pool
from clarion_server.transport.settings import PoolPolicy, TransportSettings
from clarion_server.transport.stats import PoolStats
from clarion_server.transport.transport import Transport

__all__ = [
    "ClientCertificate",
    "Exchange",
    "Failure",
    "Flow",
    "Origin",
    "Pool",
    "PoolPolicy",
    "PoolStats",
    "TlsIdentity",
    "Transport",
    "TransportSettings",
]
