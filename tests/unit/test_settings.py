"""Settings from the environment and the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from clarion_server.settings import SettingsError, load

ISSUER: dict[str, Any] = {
    "issuer": "https://login.example.com",
    "audience": "clarion",
    "jwks_url": "https://login.example.com/keys",
    "algorithms": ["ES256"],
}


def test_issuers_and_users_as_json() -> None:
    """What is a list or a table of free names is JSON in the environment."""
    environment = {
        "CLARION_ISSUERS": json.dumps([ISSUER]),
        "CLARION_TLS_CLIENT_USERS": json.dumps({"spiffe://prod/ns/Shop": "billing"}),
    }
    settings = load(environment)
    (issuer,) = settings.issuers
    assert (issuer.issuer, issuer.algorithms) == (ISSUER["issuer"], ("ES256",))
    assert settings.tls_client_users == {"spiffe://prod/ns/Shop": "billing"}


def test_environment_wins_over_the_file(tmp_path: Path) -> None:
    """The list in the environment replaces the file's."""
    file = tmp_path / "clarion.toml"
    file.write_text('[[issuers]]\nissuer = "a"\naudience = "b"\njwks_url = "https://c/"\n')
    assert [each.issuer for each in load({"CLARION_CONFIG": str(file)}).issuers] == ["a"]
    both = {"CLARION_CONFIG": str(file), "CLARION_ISSUERS": json.dumps([ISSUER])}
    assert [each.issuer for each in load(both).issuers] == [ISSUER["issuer"]]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("CLARION_ISSUERS", "[{secret", r'CLARION_ISSUERS: is not JSON; give for example \[\{"issuer"'),
        ("CLARION_ISSUERS", "https://secret", "CLARION_ISSUERS: is not JSON"),
        ("CLARION_ISSUERS", "{}", "issuers: Input should be a valid tuple"),
        ("CLARION_ISSUERS", "[{}]", r"issuers.0.issuer: Field required"),
        ("CLARION_ISSUERS", json.dumps([{**ISSUER, "algorithms": ["HS256"]}]), r"issuers.0.algorithms.0: .*RS256"),
        ("CLARION_ISSUERS", json.dumps([{**ISSUER, "jwks": "secret"}]), r"issuers.0.jwks: there is no such setting"),
        ("CLARION_TLS_CLIENT_USERS", "secret", r'CLARION_TLS_CLIENT_USERS: is not JSON; .*"spiffe://'),
        ("CLARION_TLS_CLIENT_USERS", "[]", "tls_client_users: Input should be a valid dictionary"),
        ("CLARION_LISTENN", "x", "listenn: there is no such setting"),
    ],
)
def test_wrong_ones_are_named_and_not_quoted(name: str, text: str, said: str) -> None:
    """The error names the setting and the remedy, and never quotes the value."""
    with pytest.raises(SettingsError, match=said) as caught:
        load({name: text})
    assert "secret" not in str(caught.value)
