"""Tailored payloads: texts put into a payload that is rendered once."""

from __future__ import annotations

import dataclasses
import json
import tracemalloc
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.v1 import channel_pb2
from clarion.v1.message_pb2 import VariableValues
from clarion.v1.messaging_pb2 import Overrides, SendStart
from clarion_server.model import Channel
from clarion_server.providers.apns import payload as apns
from clarion_server.providers.contract import Content, Outcome, Payload, Provider, Sender
from clarion_server.providers.fcm import payload as fcm
from clarion_server.sending.plan import _FEW, Plan
from clarion_server.sending.resolve import Resolver
from clarion_server.sending.splice import skeleton
from clarion_server.sending.substitute import Template
from clarion_server.sending.tailoring import tailoring
from tests.unit.sending.bounds import BAD

Render = Callable[[Content], Payload | Outcome]

RENDERERS: dict[str, tuple[str, Render]] = {
    "APNs": (
        "apns",
        lambda content: apns.render(
            content, channel_type=channel_pb2.CHANNEL_TYPE_APNS, bundle_id="com.example.app", now=1e9
        ),
    ),
    "FCM, drawn by FCM": (
        "fcm",
        lambda content: fcm.render(content, channel_pb2.FCM_PRESENTATION_SYSTEM, 1e9),
    ),
    "FCM, drawn by AWS's SDK": (
        "fcm",
        lambda content: fcm.render(content, channel_pb2.FCM_PRESENTATION_PINPOINT_SDK, 1e9),
    ),
}
MESSAGE = {
    "default_push_message": {"title": "To {{name}}", "body": "{{name}}: it comes on {{day}}", "data": {"a": "b"}}
}


class Counting:
    """A provider that renders, and counts how often."""

    def __init__(self, render: Render) -> None:
        self.rendered = 0
        self._render = render

    def render(self, _channel: Channel, content: Content) -> Payload | Outcome:
        """Return what the real function returns."""
        self.rendered += 1
        return self._render(content)


def plan(name: str, message: dict[str, Any], context: str = "d") -> tuple[Plan, Counting]:
    """Return a plan that renders for real and sends nothing."""
    field, render = RENDERERS[name]
    provider = Counting(render)
    resolver = Resolver(SendStart(message=cast("Any", message), context={"c": context}, trace_id="t"), field)
    nothing = cast("Any", None)
    made = Plan(cast("Provider", provider), cast("Channel", nothing), cast("Sender", nothing), resolver)
    for _ in range(_FEW):  # these are rendered one by one
        made.payload(own("title", "body", {"name": "n", "day": "d"}))
    provider.rendered = 0
    return made, provider


def own(
    title: str | None,
    body: str | None,
    variables: Mapping[str, str | list[str]],
    raw_content: str | None = None,
    context: Mapping[str, str] | None = None,
) -> Overrides:
    """Return the overrides of one target."""
    return Overrides(
        title=title, body=body, substitutions=substitutions(variables), raw_content=raw_content, context=context
    )


def substitutions(variables: Mapping[str, str | list[str]]) -> dict[str, VariableValues]:
    """Return substitutions with these values."""
    return {
        name: VariableValues(values=[given] if isinstance(given, str) else given) for name, given in variables.items()
    }


def alone(made: Plan, overrides: Overrides) -> Payload | Outcome:
    """Return what a target gets when its payload is rendered for it alone."""
    read = tailoring(overrides)
    return read if isinstance(read, Outcome) else made.rendered(read)


# Plain ones mostly, and those that JSON, `%` and the filling of variables treat in their own way.
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40) | st.text(
    'a"\\\n\x7f%s(){{name}}é\u2028😀', max_size=12
)
values = texts | st.lists(texts, min_size=1, max_size=3)
# What a target may give, and what no target may: unused, malformed and empty names, names without a value.
variables_of_targets = st.dictionaries(st.sampled_from(["name", "day"]), values) | st.dictionaries(
    st.sampled_from(["name", "day", "unused", "a b", ""]), values | st.just([]), max_size=4
)
templates = st.lists(st.sampled_from(["{{name}}", "{{day}}", "{{gone}}", "\\{{day}}", '%s "\\n']) | texts, max_size=4)
message_texts = st.none() | templates.map("".join)


@pytest.mark.parametrize("name", RENDERERS)
@given(
    title=message_texts,
    body=message_texts,
    defaults=st.dictionaries(st.sampled_from(["name", "day"]), texts),
    some=st.lists(
        st.builds(
            own,
            st.none() | texts,
            st.none() | texts,
            variables_of_targets,
            st.none() | st.sampled_from(["", "[", '{"aps": {"alert": "{{name}}"}}']),
            st.just({}) | st.just({"e": "{{name}}"}),
        ),
        min_size=1,
        max_size=4,
    ),
)
def test_a_spliced_payload_is_the_rendered_one(
    name: str,
    title: str | None,
    body: str | None,
    defaults: dict[str, str],
    some: list[Overrides],
) -> None:
    """Whatever message and target have, the bytes, or the refusal, are those of the target rendered alone."""
    message = {
        "default_push_message": {
            "title": title,
            "body": body,
            "data": {"a": "b"},
            "substitutions": substitutions({**defaults}),
        }
    }
    tailored, _ = plan(name, message)
    for given_own in some:
        other, _ = plan(name, message)
        expected = alone(other, given_own)
        found = tailored.payload(given_own)
        if isinstance(expected, Outcome):
            assert found == expected
        else:
            assert isinstance(found, Payload)
            assert dataclasses.replace(found, size=expected.size) == expected


ELSEWHERE: dict[str, tuple[dict[str, Any], str]] = {
    "data": ({"default_push_message": {"title": "t", "body": "b", "data": {"a": "{{name}}"}}}, "d"),
    "another text": ({"apns": {"title": "t", "body": "b", "sound": "{{name}}"}}, "d"),
    "a list": ({"apns": {"title": "t", "body": "b", "url_args": ["{{name}}"]}}, "d"),
    "raw content": ({"apns": {"raw_content": '{"aps": {"alert": "{{name}}"}}'}}, "d"),
    "context": (MESSAGE, "{{name}}"),
}


@pytest.mark.parametrize("where", ELSEWHERE)
def test_variables_elsewhere_are_filled_for_each_target(where: str) -> None:
    """A message whose variables stand elsewhere than in title and body is rendered for each target."""
    message, context = ELSEWHERE[where]
    tailored, _ = plan("APNs", message, context)
    found = []
    for number in range(3):
        given = own("title", "body", {"name": f"value {number}", "day": "d"})
        payload = tailored.payload(given)
        assert isinstance(payload, Payload)
        assert payload == alone(plan("APNs", message, context)[0], given)
        assert f"value {number}" in payload.body.decode()
        found.append(payload)
    assert len({payload.body for payload in found}) == 3


@pytest.mark.parametrize("kind", ["title", "body"])
def test_variables_in_a_text_of_a_targets_own_are_filled(kind: str) -> None:
    """A target's own title and body may have variables, too."""
    tailored, _ = plan("APNs", MESSAGE)
    given = own("title", "body", {"name": "value", "day": "d"})
    setattr(given, kind, "Hi {{name}}")
    payload = tailored.payload(given)
    assert isinstance(payload, Payload)
    assert "Hi value" in payload.body.decode()
    assert payload == alone(plan("APNs", MESSAGE)[0], given)


@pytest.mark.parametrize("name", ["APNs", "FCM, drawn by FCM"])
def test_tailored_messages_are_rendered_once(name: str) -> None:
    """A thousand titles and bodies cost two renderings, not a thousand."""
    tailored, provider = plan(name, MESSAGE)
    for number in range(1000):
        variables = {"name": f"name {number}", "day": str(number)}
        payload = tailored.payload(own(f"title {number}", None, variables))
        assert isinstance(payload, Payload)
        assert f"name {number}: it comes on {number}" in payload.body.decode()
    assert provider.rendered == 2


@pytest.mark.parametrize("name", BAD)
def test_bounds_are_kept(name: str) -> None:
    """What a target may not have is refused once others are spliced, as it is before."""
    tailored, _ = plan("APNs", MESSAGE)
    given = own("title", None, {"name": "n", "day": "d"})
    given.MergeFrom(BAD[name][0])
    refused = tailored.payload(given)
    assert isinstance(refused, Outcome)
    assert refused == tailoring(given)


@pytest.mark.parametrize("unused", [["x" * 16_385], ["v"] * 101, []])
def test_bounds_are_kept_of_what_is_not_used(unused: list[str]) -> None:
    """A variable that the message does not use is within its bounds, too."""
    tailored, _ = plan("APNs", MESSAGE)
    given = own("title", None, {"name": "n", "day": "d", "unused": unused})
    refused = tailored.payload(given)
    assert isinstance(refused, Outcome)
    assert refused == tailoring(given)


@pytest.mark.parametrize("count", [100, 101])
def test_a_target_may_have_a_hundred_variables(count: int) -> None:
    """The bound holds for targets that are spliced, also when the message uses all of their variables."""
    names = [f"n{number}" for number in range(count)]
    message = {"default_push_message": {"title": "t", "body": "".join(f"{{{{{name}}}}}" for name in names)}}
    tailored, provider = plan("APNs", message)
    given = own("title", None, dict.fromkeys(names, "v"))
    found = tailored.payload(given)
    assert provider.rendered == 2, "with marks, not for the target"
    other, _ = plan("APNs", message)
    expected = alone(other, given)
    assert isinstance(found, Outcome) == isinstance(expected, Outcome) == (count > 100)
    assert getattr(found, "body", None) == getattr(expected, "body", None)


@pytest.mark.parametrize("name", ["APNs", "FCM, drawn by FCM"])
def test_variables_that_a_message_does_not_use_do_not_make_it_slow(name: str) -> None:
    """An audience may come with more variables than one message uses, and with several values for one it does not."""
    tailored, provider = plan(name, MESSAGE)
    for number in range(100):
        variables: dict[str, str | list[str]] = {
            "name": f"name {number}",
            "day": "d",
            "city": "c",
            "interests": ["a", "b"],
        }
        assert isinstance(tailored.payload(own(f"title {number}", None, variables)), Payload)
    assert provider.rendered == 2


def test_a_shown_payload_has_its_exact_size() -> None:
    """What PreviewMessage shows is rendered, however many tailored targets came before."""
    tailored, _ = plan("APNs", MESSAGE)
    shown = alone(tailored, own("title", None, {"name": "n", "day": "d"}))
    assert isinstance(shown, Payload)
    assert shown.size == len(shown.body)


@pytest.mark.parametrize("name", RENDERERS)
def test_what_may_be_too_large_is_rendered_to_tell(name: str) -> None:
    """A text that brings the payload over the limit is refused with its true size, as without splicing."""
    tailored, _ = plan(name, MESSAGE)
    for length in (3000, 3800, 4000, 4200):
        given = own("x" * length, None, {"name": "n", "day": "d"})
        other, _ = plan(name, MESSAGE)
        expected, found = alone(other, given), tailored.payload(given)
        assert isinstance(found, Outcome) == isinstance(expected, Outcome)
        if isinstance(expected, Outcome):
            assert found == expected


def text_and_sum(values: Sequence[str]) -> bytes:
    """Return a text and a number that depends on it."""
    return json.dumps({"text": values[0], "sum": hash(values[0])}, ensure_ascii=False).encode()


def nested(values: Sequence[str]) -> bytes:
    """Return a document in a document."""
    return json.dumps({"text": json.dumps({"text": values[0]}, ensure_ascii=False)}, ensure_ascii=False).encode()


def escaped(values: Sequence[str]) -> bytes:
    """Return a text in ASCII."""
    return json.dumps({"text": values[0]}).encode()


def shortened(values: Sequence[str]) -> bytes:
    """Return a text without its last character."""
    return json.dumps({"text": values[0][:-1]}, ensure_ascii=False).encode()


def absent(_values: Sequence[str]) -> bytes:
    """Return a document without the text."""
    return b"{}"


@pytest.mark.parametrize("body", [text_and_sum, nested, escaped, shortened, absent])
def test_a_text_that_does_more_than_stand_there_is_not_spliced(body: Callable[[Sequence[str]], bytes]) -> None:
    """Checksums, nested documents, other ways of quoting and changed texts are noticed: there is no skeleton."""
    assert skeleton(lambda values: Payload((), body(values), 10, 4096), [None]) is None


def test_a_text_in_a_header_is_not_spliced() -> None:
    """A header that depends on the text is noticed."""

    def render(values: Sequence[str]) -> Payload:
        return Payload(((b"x", values[0].encode()),), json.dumps(values[0], ensure_ascii=False).encode(), 10, 4096)

    assert skeleton(render, [None]) is None


def test_a_text_that_occurs_twice_is_put_in_twice() -> None:
    """All places of a text are filled, and count."""

    def render(values: Sequence[str]) -> Payload:
        body = json.dumps([values[0], values[1], values[0]], ensure_ascii=False).encode()
        return Payload((), body, len(body), 4096)

    found = skeleton(render, [None, None])
    assert found is not None
    filled = found.fill(['"one"', "two"], {}, {})
    assert filled is not None
    assert json.loads(filled.body) == ['"one"', "two", '"one"']
    assert filled.size >= len(filled.body)


def test_text_between_variables_is_put_in_as_it_is() -> None:
    """Quotation marks, backslashes and per cent signs come out as they are, from message and values."""

    def render(values: Sequence[str]) -> Payload:
        body = json.dumps({"%s": values[0], "%": values[1]}, ensure_ascii=False).encode()
        return Payload((), body, len(body), 4096)

    found = skeleton(render, [Template('100 % "{{a}}" %s \\ {{a}}{{b}}'), None])
    assert found is not None
    filled = found.fill(["%s"], substitutions({"a": '"'}), {"a": "x", "b": "%d"})
    assert filled is not None
    assert json.loads(filled.body) == {"%s": '100 % """ %s \\ "%d', "%": "%s"}


@pytest.mark.parametrize("value", ["x" * 16_000, "x" * 4000, "\x01" * 4000])
def test_values_that_occur_often_do_not_fill_the_memory(value: str) -> None:
    """Values that are too long where they stand, or once quoted, are not put together at all."""

    def render(values: Sequence[str]) -> Payload:
        return Payload((), json.dumps(values[0], ensure_ascii=False).encode(), 0, 4096)

    found = skeleton(render, [Template("{{a}}" * 3000)])
    assert found is not None
    tracemalloc.start()
    try:
        assert found.fill([], substitutions({"a": value}), {}) is None
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_a_provider_that_takes_more_than_a_text_may_have_is_not_spliced() -> None:
    """Filling keeps the bounds on texts by keeping the provider's limit, so that must be the smaller one."""

    def render(values: Sequence[str]) -> Payload:
        return Payload((), json.dumps(values[0], ensure_ascii=False).encode(), 0, limit)

    limit = 16_384
    assert skeleton(render, [None]) is not None
    limit += 1
    assert skeleton(render, [None]) is None
