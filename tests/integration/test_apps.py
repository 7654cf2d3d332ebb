"""AppService over gRPC."""

from __future__ import annotations

import re
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from clarion.v1 import app_pb2
from tests.support.world import World

NOBODY = "0" * 32


async def failure(call: Any) -> tuple[grpc.StatusCode, str, dict[str, str]]:
    """Return code, reason, and path → reason of the fields of a call that must fail."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    status = rpc_status.from_call(caught.value)  # type: ignore[arg-type]
    assert status is not None
    reason, fields = "", {}
    for detail in status.details:
        if detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR):
            info = error_details_pb2.ErrorInfo()
            detail.Unpack(info)
            reason = info.reason.removeprefix("ERROR_REASON_")
        elif detail.Is(error_details_pb2.BadRequest.DESCRIPTOR):
            bad = error_details_pb2.BadRequest()
            detail.Unpack(bad)
            fields = {each.field: each.reason.removeprefix("ERROR_REASON_") for each in bad.field_violations}
    return caught.value.code(), reason, fields


async def invalid(call: Any) -> dict[str, str]:
    """Return path → reason of a call that must be INVALID_ARGUMENT."""
    code, reason, fields = await failure(call)
    assert (code, reason) == (grpc.StatusCode.INVALID_ARGUMENT, "REQUEST_INVALID")
    return fields


async def make(world: World, name: str, **tags: str) -> app_pb2.App:
    """Make an app."""
    return (await world.apps.CreateApp(app_pb2.CreateAppRequest(name=name, tags=tags))).app


async def test_the_life_of_an_app(world: World) -> None:
    """An app is made, read, renamed, tagged, untagged and deleted; each answer shows the state after it."""
    app = await make(world, " \n Ünïcode 🚀 ", team="red")
    assert re.fullmatch(r"[0-9a-f]{32}", app.id)
    assert re.fullmatch(rf"arn:aws:mobiletargeting:[a-z0-9-]+:\d{{12}}:apps/{app.id}", app.arn)
    assert (app.name, dict(app.tags)) == ("Ünïcode 🚀", {"team": "red"})
    assert app.create_time == app.update_time
    assert (await world.apps.GetApp(app_pb2.GetAppRequest(app_id=app.id))).app == app

    renamed = (await world.apps.UpdateApp(app_pb2.UpdateAppRequest(app_id=app.id, name=" new "))).app
    assert (renamed.name, renamed.tags, renamed.create_time) == ("new", app.tags, app.create_time)
    assert renamed.update_time.ToDatetime() > app.update_time.ToDatetime()

    tagged = await world.apps.TagApp(app_pb2.TagAppRequest(app_id=app.id, tags={"team": "blue", "empty": ""}))
    assert dict(tagged.tags) == {"team": "blue", "empty": ""}
    untagged = await world.apps.UntagApp(app_pb2.UntagAppRequest(app_id=app.id, tag_keys=["team", "nothing", "\0"]))
    assert dict(untagged.tags) == {"empty": ""}
    listed = await world.apps.ListAppTags(app_pb2.ListAppTagsRequest(app_id=app.id))
    assert dict(listed.tags) == {"empty": ""}

    deleted = (await world.apps.DeleteApp(app_pb2.DeleteAppRequest(app_id=app.id))).app
    assert (deleted.id, deleted.name) == (app.id, "new")
    answer = await failure(world.apps.GetApp(app_pb2.GetAppRequest(app_id=app.id)))
    assert answer == (grpc.StatusCode.NOT_FOUND, "APP_NOT_FOUND", {})


async def test_pages(world: World) -> None:
    """Pages hold page_size apps, oldest first; the last has no token."""
    made = [world.app_id] + [(await make(world, str(number))).id for number in range(4)]
    first = await world.apps.ListApps(app_pb2.ListAppsRequest(page_size=3))
    assert [app.id for app in first.apps] == made[:3]
    second = await world.apps.ListApps(app_pb2.ListAppsRequest(page_size=3, page_token=first.next_page_token))
    assert ([app.id for app in second.apps], second.next_page_token) == (made[3:], "")
    for page_size in (0, 5, 1_000_000):
        assert len((await world.apps.ListApps(app_pb2.ListAppsRequest(page_size=page_size))).apps) == 5


async def test_page_tokens_and_sizes_that_will_not_do(world: World) -> None:
    """Tokens that were altered or made up are refused, and so are negative sizes; both are told at once."""
    await make(world, "second")
    token = (await world.apps.ListApps(app_pb2.ListAppsRequest(page_size=1))).next_page_token
    flipped = ("B" if token[0] == "A" else "A") + token[1:]
    for wrong in (flipped, token[:-1], token + token, "AAAA", "!", "é", "1", "x" * 100_000):
        request = app_pb2.ListAppsRequest(page_token=wrong)
        assert await invalid(world.apps.ListApps(request)) == {"page_token": "PAGE_TOKEN_INVALID"}
    request = app_pb2.ListAppsRequest(page_token="?", page_size=-1)
    assert await invalid(world.apps.ListApps(request)) == {
        "page_token": "PAGE_TOKEN_INVALID",
        "page_size": "FIELD_OUT_OF_RANGE",
    }


async def test_names_out_of_bounds(world: World) -> None:
    """Names are 1 to 64 characters without control characters, both when made and when changed."""
    for name, reason in (
        ("", "FIELD_REQUIRED"),
        (" \t\n ", "FIELD_REQUIRED"),
        ("ä" * 65, "FIELD_TOO_LONG"),
        ("a\0b", "FIELD_MALFORMED"),
        ("a\nb", "FIELD_MALFORMED"),
        ("a\x9fb", "FIELD_MALFORMED"),
    ):
        assert await invalid(world.apps.CreateApp(app_pb2.CreateAppRequest(name=name))) == {"name": reason}
        request = app_pb2.UpdateAppRequest(app_id=world.app_id, name=name)
        assert await invalid(world.apps.UpdateApp(request)) == {"name": reason}


async def test_bounds_count_characters(world: World) -> None:
    """64 characters of four bytes each are a name; 128 and 256 a tag."""
    app = await make(world, "🚀" * 64, **{"🚀" * 128: "🚀" * 256})
    assert (len(app.name), {len(key): len(value) for key, value in app.tags.items()}) == (64, {128: 256})


async def test_tags_out_of_bounds(world: World) -> None:
    """Each rule of tags is kept by both calls that set them."""
    for key, value, path, reason in (
        ("", "value", "tags", "FIELD_REQUIRED"),
        ("k" * 129, "value", "tags", "FIELD_TOO_LONG"),
        ("a\nb", "value", "tags", "FIELD_MALFORMED"),
        ("aws:team", "value", 'tags["aws:team"]', "FIELD_MALFORMED"),
        ("key", "v" * 257, 'tags["key"]', "FIELD_TOO_LONG"),
        ("key", "a\0b", 'tags["key"]', "FIELD_MALFORMED"),
    ):
        create = app_pb2.CreateAppRequest(name="a", tags={key: value})
        assert await invalid(world.apps.CreateApp(create)) == {path: reason}
        request = app_pb2.TagAppRequest(app_id=world.app_id, tags={key: value})
        assert await invalid(world.apps.TagApp(request)) == {path: reason}


async def test_too_many_tags(world: World) -> None:
    """51 tags are refused whether they come at once or in two calls; the limit has its own reason."""
    tags = {str(number): "" for number in range(50)}
    expected = (grpc.StatusCode.INVALID_ARGUMENT, "TAG_LIMIT_EXCEEDED", {"tags": "FIELD_TOO_LONG"})
    assert await failure(world.apps.CreateApp(app_pb2.CreateAppRequest(name="a", tags={**tags, "x": ""}))) == expected
    app = await make(world, "a", **tags)
    assert await failure(world.apps.TagApp(app_pb2.TagAppRequest(app_id=app.id, tags={"x": ""}))) == expected
    await world.apps.TagApp(app_pb2.TagAppRequest(app_id=app.id, tags={"7": "changed"}))


async def test_lists_of_tags_must_hold_something(world: World) -> None:
    """Tagging needs a tag, untagging 1 to 50 keys."""
    assert await invalid(world.apps.TagApp(app_pb2.TagAppRequest(app_id=world.app_id))) == {"tags": "FIELD_REQUIRED"}
    for keys, reason in (([], "FIELD_REQUIRED"), (["x"] * 51, "FIELD_TOO_LONG")):
        request = app_pb2.UntagAppRequest(app_id=world.app_id, tag_keys=keys)
        assert await invalid(world.apps.UntagApp(request)) == {"tag_keys": reason}


def calls(world: World, app_id: str) -> dict[str, Any]:
    """Return each call that takes an app id, otherwise valid."""
    apps = world.apps
    return {
        "get": lambda: apps.GetApp(app_pb2.GetAppRequest(app_id=app_id)),
        "update": lambda: apps.UpdateApp(app_pb2.UpdateAppRequest(app_id=app_id, name="name")),
        "delete": lambda: apps.DeleteApp(app_pb2.DeleteAppRequest(app_id=app_id)),
        "tag": lambda: apps.TagApp(app_pb2.TagAppRequest(app_id=app_id, tags={"a": "b"})),
        "untag": lambda: apps.UntagApp(app_pb2.UntagAppRequest(app_id=app_id, tag_keys=["a"])),
        "list tags": lambda: apps.ListAppTags(app_pb2.ListAppTagsRequest(app_id=app_id)),
    }


async def test_app_ids_that_are_none(world: World) -> None:
    """Unknown and malformed ids are not found alike; an absent one is a field that is missing."""
    for app_id in (NOBODY, "x", world.app_id.upper(), world.app_id + "\n", "\0", "a" * 100_000):
        for call in calls(world, app_id).values():
            assert await failure(call()) == (grpc.StatusCode.NOT_FOUND, "APP_NOT_FOUND", {})
    for call in calls(world, "").values():
        assert await invalid(call()) == {"app_id": "FIELD_REQUIRED"}
