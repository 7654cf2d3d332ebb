"""AppService: converts and checks; the store does the work."""

# ruff: noqa: N802, ARG002 - gRPC gives the methods their names and arguments
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from clarion.v1 import app_pb2, app_pb2_grpc
from clarion_server.errors import FieldViolation
from clarion_server.model import App
from clarion_server.ports import AppStore, TooManyTags
from clarion_server.rpc import validation


class AppServicer(app_pb2_grpc.AppServiceServicer):
    """AppService on a store. Errors leave as `ClarionError`; the server's interceptor makes statuses of them.

    Args:
        store: keeps the apps.
        region: AWS region in ARNs, such as `us-east-1`.
        account: AWS account id in ARNs, 12 digits.
        on_delete: told the id of every app that was deleted: its channels must not be used any more.
    """

    def __init__(self, store: AppStore, *, region: str, account: str, on_delete: Callable[[str], None]) -> None:
        self._store = store
        self._arn_prefix = f"arn:aws:mobiletargeting:{region}:{account}:apps/"
        self._on_delete = on_delete

    async def CreateApp(self, request: app_pb2.CreateAppRequest, context: Any) -> app_pb2.CreateAppResponse:
        """See app.proto."""
        violations: list[FieldViolation] = []
        name = validation.check_name(request.name, violations)
        tags = validation.check_tags(request.tags, violations)
        validation.refuse(violations)
        app = await self._store.create_app(name, tags)
        return app_pb2.CreateAppResponse(app=self._message(app))

    async def GetApp(self, request: app_pb2.GetAppRequest, context: Any) -> app_pb2.GetAppResponse:
        """See app.proto."""
        _check_app_id_only(request.app_id)
        return app_pb2.GetAppResponse(app=self._message(await self._store.get_app(request.app_id)))

    async def ListApps(self, request: app_pb2.ListAppsRequest, context: Any) -> app_pb2.ListAppsResponse:
        """See app.proto."""
        violations: list[FieldViolation] = []
        page_size = validation.check_page_size(request.page_size, violations)
        after = validation.check_page_token(request.page_token, violations)
        validation.refuse(violations)
        page = await self._store.list_apps(page_size, after)
        return app_pb2.ListAppsResponse(
            apps=map(self._message, page.apps), next_page_token=validation.page_token(page.next_cursor)
        )

    async def UpdateApp(self, request: app_pb2.UpdateAppRequest, context: Any) -> app_pb2.UpdateAppResponse:
        """See app.proto."""
        violations: list[FieldViolation] = []
        validation.check_app_id(request.app_id, violations)
        name = validation.check_name(request.name, violations)
        validation.refuse(violations, request.app_id)
        app = await self._store.rename_app(request.app_id, name)
        return app_pb2.UpdateAppResponse(app=self._message(app))

    async def DeleteApp(self, request: app_pb2.DeleteAppRequest, context: Any) -> app_pb2.DeleteAppResponse:
        """See app.proto."""
        _check_app_id_only(request.app_id)
        try:
            app = await self._store.delete_app(request.app_id)
        finally:
            # Also after an error: a commit whose answer got lost may have happened.
            self._on_delete(request.app_id)
        return app_pb2.DeleteAppResponse(app=self._message(app))

    async def TagApp(self, request: app_pb2.TagAppRequest, context: Any) -> app_pb2.TagAppResponse:
        """See app.proto."""
        violations: list[FieldViolation] = []
        validation.check_app_id(request.app_id, violations)
        if not request.tags:
            violations.append(validation.required("tags", "give at least one"))
        tags = validation.check_tags(request.tags, violations)
        validation.refuse(violations, request.app_id)
        try:
            app = await self._store.tag_app(request.app_id, tags)
        except TooManyTags as error:
            raise validation.too_many_tags() from error
        return app_pb2.TagAppResponse(tags=app.tags)

    async def UntagApp(self, request: app_pb2.UntagAppRequest, context: Any) -> app_pb2.UntagAppResponse:
        """See app.proto."""
        violations: list[FieldViolation] = []
        validation.check_app_id(request.app_id, violations)
        validation.check_tag_keys(request.tag_keys, violations)
        validation.refuse(violations, request.app_id)
        app = await self._store.untag_app(request.app_id, request.tag_keys)
        return app_pb2.UntagAppResponse(tags=app.tags)

    async def ListAppTags(self, request: app_pb2.ListAppTagsRequest, context: Any) -> app_pb2.ListAppTagsResponse:
        """See app.proto."""
        _check_app_id_only(request.app_id)
        return app_pb2.ListAppTagsResponse(tags=(await self._store.get_app(request.app_id)).tags)

    def _message(self, app: App) -> app_pb2.App:
        return app_pb2.App(
            id=app.id,
            arn=self._arn_prefix + app.id,
            name=app.name,
            tags=app.tags,
            create_time=app.create_time,
            update_time=app.update_time,
        )


def _check_app_id_only(app_id: str) -> None:
    violations: list[FieldViolation] = []
    validation.check_app_id(app_id, violations)
    validation.refuse(violations, app_id)
