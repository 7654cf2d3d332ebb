"""Key management services: adapters that other packages bring, found by the name of an entry point."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import entry_points

from clarion_server.ports import KeyWrapper
from clarion_server.vault.keyring import KeyringUnusable

GROUP = "clarion_server.key_wrappers"
"""An entry point of this group is a function that takes the options (texts by name) and returns a `KeyWrapper`."""


def load_key_wrapper(name: str, options: Mapping[str, str]) -> KeyWrapper:
    """Return the key wrapper that an installed package offers under a name.

    Raises:
        KeyringUnusable: there is none of this name, or it does not take the options. The text repeats none of them.
    """
    found = entry_points(group=GROUP, name=name)
    if not found:
        known = ", ".join(sorted({"file", *entry_points(group=GROUP).names}))
        raise KeyringUnusable(
            f"key_wrapper: no installed package offers {name!r} (entry point of the group {GROUP}); there is: {known}"
        )
    try:
        wrapper: KeyWrapper = next(iter(found)).load()(dict(options))
    except Exception as error:
        # The text of a foreign exception may repeat an option, and so a password.
        raise KeyringUnusable(
            f"key_wrapper: {name!r} does not start ({type(error).__name__}); check key_wrapper_options"
        ) from error
    return wrapper
