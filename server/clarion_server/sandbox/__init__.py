"""Clarion's sandbox: emulated push providers for development, demos and tests.

`Sandbox` runs them in this process, `run_sandbox` is the command. `apns_address`, `fcm_address` and so on make
addresses of simulated devices with a chosen behaviour.
"""

from __future__ import annotations

from clarion_server.sandbox.clock import SimulatedClock
from clarion_server.sandbox.command import run_sandbox
from clarion_server.sandbox.devices import (
    ADM_DEVICES,
    APNS_DEVICES,
    BAIDU_DEVICES,
    FCM_DEVICES,
    adm_address,
    apns_address,
    baidu_address,
    fcm_address,
)
from clarion_server.sandbox.fault import Fault, FaultKind
from clarion_server.sandbox.faults import ActiveFault, FaultError, Faults, NoSuchListener
from clarion_server.sandbox.files import SandboxFiles, SandboxInfo
from clarion_server.sandbox.listener import SandboxError
from clarion_server.sandbox.server import Sandbox
from clarion_server.sandbox.stats import ListenerStats, RecordedRequest, SandboxStats
from clarion_server.sandbox.table import DEFAULT_PORTS, LISTENERS, ListenerSpec

__all__ = [
    "ADM_DEVICES",
    "APNS_DEVICES",
    "BAIDU_DEVICES",
    "DEFAULT_PORTS",
    "FCM_DEVICES",
    "LISTENERS",
    "ActiveFault",
    "Fault",
    "FaultError",
    "FaultKind",
    "Faults",
    "ListenerSpec",
    "ListenerStats",
    "NoSuchListener",
    "RecordedRequest",
    "Sandbox",
    "SandboxError",
    "SandboxFiles",
    "SandboxInfo",
    "SandboxStats",
    "SimulatedClock",
    "adm_address",
    "apns_address",
    "baidu_address",
    "fcm_address",
    "run_sandbox",
]
