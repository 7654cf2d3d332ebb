"""Channels of apps: how they are changed, and how the send path gets at them."""

from __future__ import annotations

from clarion_server.channels.cache import ChannelDirectory
from clarion_server.channels.service import ChannelManager

__all__ = ["ChannelDirectory", "ChannelManager"]
