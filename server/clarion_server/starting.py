"""What stands in the way of a start. Every part has its own reasons; here is what they have in common."""

from __future__ import annotations


class CannotStart(Exception):
    """A server cannot start, or a command cannot begin. The text names what is in the way, and the remedy."""


class PortUnavailable(CannotStart):
    """The server cannot listen where it should."""
