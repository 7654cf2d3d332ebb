"""Merging a message's layers."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf import json_format

from clarion.v1 import error_pb2, message_pb2
from clarion.v1.message_pb2 import Message, VariableValues
from clarion.v1.messaging_pb2 import Overrides, SendStart
from clarion_server.providers.contract import Content, Outcome
from clarion_server.sending.layers import merged
from clarion_server.sending.resolve import Resolver
from clarion_server.sending.tailoring import Tailoring, tailoring


def resolve(start: dict[str, Any], overrides: dict[str, Any] | None = None, field: str = "fcm") -> Content | Outcome:
    """Return the content of one target, given proto fields as dictionaries."""
    resolver = Resolver(SendStart(**start), field)
    return resolver.resolve(own(Overrides(**overrides)) if overrides is not None else None)


def own(overrides: Overrides) -> Tailoring:
    """Return what a target has of its own; the test is wrong if that is refused."""
    result = tailoring(overrides)
    assert isinstance(result, Tailoring), result
    return result


def content(start: dict[str, Any], overrides: dict[str, Any] | None = None, field: str = "fcm") -> Content:
    """Return the content; the test is wrong if there is none."""
    result = resolve(start, overrides, field)
    assert isinstance(result, Content), result
    return result


LAYERS = {
    "default_message": {"body": "weakest"},
    "default_push_message": {"body": "push", "title": "title", "url": "https://example.com", "data": {"a": "1"}},
    "fcm": {"body": "own"},
}


@pytest.mark.parametrize(
    ("leave_out", "body"),
    [((), "own"), (("fcm",), "push"), (("fcm", "default_push_message"), "weakest")],
)
def test_precedence(leave_out: tuple[str, ...], body: str) -> None:
    """The provider's message wins over the default push message, and that over the default message."""
    layers = {name: value for name, value in LAYERS.items() if name not in leave_out}
    assert content({"message": layers}).message.body == body


def test_merges_field_by_field() -> None:
    """A stronger message replaces single fields; the weaker ones' others stay."""
    message = content({"message": LAYERS}).message
    assert (message.body, message.title, message.url, dict(message.data)) == (
        "own",
        "title",
        "https://example.com",
        {"a": "1"},
    )


def test_empty_removes() -> None:
    """A field that is present but empty removes the weaker one."""
    layers = {**LAYERS, "fcm": {"title": ""}}
    message = content({"message": layers}).message
    assert (message.title, message.body) == ("", "push")


def test_stronger_silence_can_be_lifted() -> None:
    """`silent_push: false` in the provider's message wins over `true` in the default push message."""
    message = Message(default_push_message={"silent_push": True}, fcm={"silent_push": False})
    assert merged(message, "fcm").silent_push is False
    assert merged(message, "apns").silent_push is True


def test_action_of_the_weaker_message_is_kept() -> None:
    """An unspecified action is not set, so the weaker message's stands."""
    message = Message(default_push_message={"action": message_pb2.ACTION_URL}, fcm={"body": "x"})
    assert merged(message, "fcm").action == message_pb2.ACTION_URL


def test_does_not_change_the_request() -> None:
    """Resolving leaves the caller's message as it was, however often it runs."""
    given = {"a": VariableValues(values=["1"])}
    start = SendStart(message=Message(default_message={"body": "{{a}}", "substitutions": given}))
    before = start.SerializeToString(deterministic=True)
    resolver = Resolver(start, "fcm")
    for value in ("2", "3"):
        resolver.resolve(own(Overrides(title="t", substitutions={"a": VariableValues(values=[value])})))
    assert start.SerializeToString(deterministic=True) == before


def test_overrides() -> None:
    """A target's title, body, substitutions and context win over the message's."""
    start = {
        "message": {
            "default_message": {"body": "b", "substitutions": {"n": {"values": ["message"]}}},
            "fcm": {"title": "Hi {{n}}", "image_url": "https://example.com/{{n}}.png"},
        },
        "context": {"k": "call {{n}}", "other": "x"},
    }
    found = content(start, {"body": "for {{n}}", "substitutions": {"n": {"values": ["me"]}}, "context": {"k": "mine"}})
    assert found.message.title == "Hi me"
    assert found.message.body == "for me"
    assert found.message.image_url == "https://example.com/me.png"
    assert dict(found.context) == {"k": "mine", "other": "x"}
    assert content(start).message.title == "Hi message", "one target's values must not stay for the next"
    assert dict(content(start).context) == {"k": "call message", "other": "x"}


def test_stronger_substitutions_win_by_name() -> None:
    """Substitutions of the layers are merged name by name, the stronger layer's value winning."""
    start: dict[str, Any] = {
        "message": {
            "default_message": {"body": "{{a}}{{b}}{{c}}", "substitutions": {n: {"values": ["1"]} for n in "abc"}},
            "default_push_message": {"substitutions": {n: {"values": ["2"]} for n in "bc"}},
            "fcm": {"substitutions": {"c": {"values": ["3"]}}},
        }
    }
    assert content(start).message.body == "123"


def test_data_values_are_filled() -> None:
    """Variables in data values are filled, and data without any are left alone."""
    start = {"message": {"fcm": {"data": {"k": "{{a}}", "l": "x"}, "substitutions": {"a": {"values": ["1"]}}}}}
    assert dict(content(start).message.data) == {"k": "1", "l": "x"}


def test_missing_variable_is_the_targets_failure() -> None:
    """A variable without a value fails this target with its name, and only this target."""
    start = {"message": {"default_message": {"body": "Hi {{name}}"}}}
    outcome = resolve(start)
    assert isinstance(outcome, Outcome)
    assert outcome.reason == error_pb2.ERROR_REASON_VARIABLE_MISSING
    assert "'name'" in outcome.message
    assert content(start, {"substitutions": {"name": {"values": ["Ann"]}}}).message.body == "Hi Ann"


def test_raw_content_of_the_target_wins() -> None:
    """Raw content is parsed and filled; the target's replaces the message's."""
    start = {
        "message": {
            "fcm": {"raw_content": '{"data": {"n": 12345678901234567890, "t": "{{a}}"}}', "collapse_key": "c"},
            "default_message": {"substitutions": {"a": {"values": ['"x"']}}},
        }
    }
    found = content(start)
    assert found.raw == {"data": {"n": 12345678901234567890, "t": '"x"'}}
    assert (found.message.collapse_key, found.message.HasField("raw_content")) == ("c", False)
    assert content(start, {"raw_content": '{"data": {}}'}).raw == {"data": {}}


@pytest.mark.parametrize("text", ["{", "[]", "1", '{"a": NaN}', '{"a": 1e999}', '{"a": "\\ud800"}', "[" * 60_000])
def test_bad_raw_content_of_a_target(text: str) -> None:
    """Raw content that is no JSON object fails its target with a place, and never as an exception."""
    outcome = resolve({"message": {}}, {"raw_content": text})
    assert isinstance(outcome, Outcome)
    assert outcome.reason == error_pb2.ERROR_REASON_JSON_INVALID


def test_nothing_for_this_provider() -> None:
    """A message for another provider only says so, unless the target brings its own content."""
    start = {"message": {"apns": {"title": "x"}}}
    outcome = resolve(start)
    assert isinstance(outcome, Outcome)
    assert outcome.reason == error_pb2.ERROR_REASON_CONTENT_MISSING
    assert content(start, {"body": "mine"}).message.body == "mine"
    assert content({}, {"raw_content": "{}"}).raw == {}


def test_raw_content_needs_no_values_for_what_is_not_sent() -> None:
    """With raw content, a variable without a value matters only where it is sent: there, and beside the payload."""
    message = {
        "default_push_message": {"title": "{{gone}}", "data": {"k": "{{gone}}"}},
        "fcm": {"collapse_key": "{{c}}"},
    }
    start = {"message": message, "context": {"k": "{{gone}}"}}
    given = {"raw_content": '{"data":{}}', "substitutions": {"c": {"values": ["order-1"]}}}
    found = content(start, given)
    assert found.message.collapse_key == "order-1"
    assert found.context == {}
    assert isinstance(resolve(start, {"raw_content": '{"data":{"k":"{{gone}}"}}'}), Outcome)


def test_empty_raw_content_of_a_target() -> None:
    """A target's empty raw content takes the message's away, so that its fields apply."""
    start = {"message": {"fcm": {"title": "t", "raw_content": "{}"}}}
    assert content(start).raw == {}
    assert content(start, {"raw_content": ""}).raw is None


def test_escaped_braces_are_variables_too() -> None:
    """A variable whose braces the JSON text escapes is filled like any other."""
    start = {"message": {"fcm": {"raw_content": '{"a": "\\u007b\\u007Bn}}"}'}}}
    assert content(start, {"substitutions": {"n": {"values": ["1"]}}}).raw == {"a": "1"}


def test_variables_at_any_depth() -> None:
    """Texts of lists, of messages within the message and of JSON values are filled; keys and numbers stay."""
    apns = {
        "url_args": ["{{a}}", "plain"],
        "localization": {"body_key": "{{a}}", "body_args": ["x", "{{b}}"]},
        "live_activity": {
            "attributes_type": "{{a}}",
            "content_state": {"{{a}}": "{{a}}", "n": 1, "list": ["{{b}}", {"deep": "{{a}} {{b}}"}], "none": None},
        },
    }
    start = {"message": {"apns": {**apns, "substitutions": {"a": VariableValues(values=["A"])}}}}
    first = content(start, {"substitutions": {"b": VariableValues(values=["B"])}}, field="apns").message
    second = content(start, {"substitutions": {"b": VariableValues(values=["C"])}}, field="apns").message
    assert list(first.url_args) == ["A", "plain"]
    assert first.localization.body_key == "A"
    assert list(first.localization.body_args) == ["x", "B"]
    assert list(second.localization.body_args) == ["x", "C"]
    assert first.live_activity.attributes_type == "A"
    assert json_format.MessageToDict(first.live_activity.content_state) == {
        "{{a}}": "A",
        "n": 1,
        "list": ["B", {"deep": "A B"}],
        "none": None,
    }


def test_a_missing_variable_at_depth_fails_the_target_but_not_raw_content() -> None:
    """It is told by name; with raw content, which replaces it, it is not needed."""
    start = {"message": {"apns": {"live_activity": {"content_state": {"k": ["{{gone}}"]}}}}}
    outcome = resolve(start, field="apns")
    assert isinstance(outcome, Outcome)
    assert outcome.reason == error_pb2.ERROR_REASON_VARIABLE_MISSING
    assert "'gone'" in outcome.message
    assert content(start, {"raw_content": '{"aps":{}}'}, field="apns").raw == {"aps": {}}


def test_every_entry_of_data_is_filled() -> None:
    """Filling one entry does not make another one be passed over, however many there are."""
    for count in range(1, 40):
        data = {f"key-{number}": f"{{{{v}}}}-{number}" for number in range(count)}
        values = {"v": VariableValues(values=["x"])}
        message = content({"message": {"fcm": {"data": data, "substitutions": values}}}).message
        assert dict(message.data) == {f"key-{number}": f"x-{number}" for number in range(count)}
