from __future__ import annotations

import json
import re

import pytest

from clarion_server.access.actions import ACTIONS
from clarion_server.access.policy import PolicyKind, validate
from scripts import access_reference

_EXAMPLES = re.findall(r"```json\n(.*?)```", access_reference.PAGE.read(), re.DOTALL)


def test_the_tables_are_up_to_date() -> None:
    """The page has the actions, keys and operators of the code."""
    assert access_reference.PAGE.renewed() == access_reference.PAGE.read()


@pytest.mark.parametrize("example", _EXAMPLES, ids=range(len(_EXAMPLES)))
def test_the_examples_are_good(example: str) -> None:
    """Each example on the page is a policy about which there is nothing to say."""
    assert json.loads(example)
    assert validate(example, PolicyKind.IDENTITY, ACTIONS) == []
