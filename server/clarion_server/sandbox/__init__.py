"""Clarion's sandbox: emulated push providers for development, demos and tests.

`Sandbox` runs them in this process, `run_sandbox` is the command. `apns_address` and `fcm_address` make addresses of
simulated devices with a chosen behaviour.
"""

from __future__ import annotations

from clarion_server.sandbox.command import (
    DEFAULT_APNS_PORT,
    DEFAULT_APNS_SANDBOX_PORT,
    DEFAULT_CONTROL_PORT,
    DEFAULT_FCM_PORT,
    run_sandbox,
)
from clarion_server.sandbox.devices import APNS_DEVICES, FCM_DEVICES, apns_address, fcm_address
from clarion_server.sandbox.files import SandboxFiles, SandboxInfo
from clarion_server.sandbox.server import Sandbox, SandboxError
from clarion_server.sandbox.stats import ListenerStats, RecordedRequest, SandboxStats

__all__ = [
    "APNS_DEVICES",
    "DEFAULT_APNS_PORT",
    "DEFAULT_APNS_SANDBOX_PORT",
    "DEFAULT_CONTROL_PORT",
    "DEFAULT_FCM_PORT",
    "FCM_DEVICES",
    "ListenerStats",
    "RecordedRequest",
    "Sandbox",
    "SandboxError",
    "SandboxFiles",
    "SandboxInfo",
    "SandboxStats",
    "apns_address",
    "fcm_address",
    "run_sandbox",
]
