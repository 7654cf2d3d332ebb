"""What rendering raises within a provider."""

from __future__ import annotations


class ContentInvalid(Exception):
    """The provider would refuse the content; the text names the key and the rule, and quotes no value."""
