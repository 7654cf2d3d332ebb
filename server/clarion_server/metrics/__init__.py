"""Metrics for operators, in the text format that Prometheus scrapes. Nothing else knows that format.

docs/operations.md lists them. No label ever has a value that callers choose freely, an address, or a secret.
"""

from __future__ import annotations

from clarion_server.metrics.collector import ServerCollector, Sources
from clarion_server.metrics.listener import MetricsListener
from clarion_server.metrics.page import Summing, render

__all__ = ["MetricsListener", "ServerCollector", "Sources", "Summing", "render"]
