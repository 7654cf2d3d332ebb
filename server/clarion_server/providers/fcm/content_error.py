"""What rendering raises inside this package."""

from __future__ import annotations


class ContentInvalid(Exception):
    """FCM would refuse the content; the text names the key and the rule, and quotes no value."""
