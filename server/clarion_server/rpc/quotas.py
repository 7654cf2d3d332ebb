"""QuotaService: converts and checks; the keeper does the work."""

# ruff: noqa: N802, ARG002 - gRPC gives the methods their names and arguments
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from clarion.v1 import error_pb2, quota_pb2, quota_pb2_grpc
from clarion_server.errors import FieldViolation
from clarion_server.quotas.keeper import QuotaKeeper
from clarion_server.quotas.model import OF_ACCOUNT_ONLY, RANGES, Quotas
from clarion_server.rpc import validation


class QuotaServicer(quota_pb2_grpc.QuotaServiceServicer):
    """QuotaService on a keeper. Errors leave as `ClarionError`.

    Args:
        keeper: keeps the quotas.
    """

    def __init__(self, keeper: QuotaKeeper) -> None:
        self._keeper = keeper

    async def GetQuotas(self, request: quota_pb2.GetQuotasRequest, context: Any) -> quota_pb2.GetQuotasResponse:
        """See quota.proto."""
        validation.refuse([], request.app_id or None)
        effective, given = await self._keeper.get(request.app_id)
        return quota_pb2.GetQuotasResponse(effective=_message(effective), set=_message(given))

    async def UpdateQuotas(
        self, request: quota_pb2.UpdateQuotasRequest, context: Any
    ) -> quota_pb2.UpdateQuotasResponse:
        """See quota.proto."""
        violations: list[FieldViolation] = []
        changes = _changes(request, violations)
        validation.refuse(violations, request.app_id or None)
        effective, given = await self._keeper.update(request.app_id, changes)
        return quota_pb2.UpdateQuotasResponse(effective=_message(effective), set=_message(given))


def _message(quotas: Quotas) -> quota_pb2.Quotas:
    return quota_pb2.Quotas(**{each.name: getattr(quotas, each.name) for each in fields(quotas)})


def _changes(request: quota_pb2.UpdateQuotasRequest, violations: list[FieldViolation]) -> Mapping[str, int | None]:
    """Return the quotas to set, None for those to take back."""
    given = {field.name: value for field, value in request.quotas.ListFields()}
    changes: dict[str, int | None] = dict(given)
    mask = request.update_mask.paths
    if mask:
        changes = {name: given.get(name) for name in mask if name in RANGES}
        violations += [
            FieldViolation(
                f"update_mask.paths[{index}]",
                error_pb2.ERROR_REASON_FIELD_UNKNOWN,
                f"names no quota; use one of {', '.join(RANGES)}",
            )
            for index, name in enumerate(mask)
            if name not in RANGES
        ]
        violations += [
            _conflict(name, "is given but not in update_mask; add or remove it") for name in given.keys() - set(mask)
        ]
    elif not given:
        violations.append(validation.required("quotas", "give at least one, or name in update_mask what to take back"))
    for name, value in given.items():
        least, most = RANGES[name]
        if not least <= value <= most:
            violations.append(
                FieldViolation(
                    f"quotas.{name}",
                    error_pb2.ERROR_REASON_FIELD_OUT_OF_RANGE,
                    f"is {value:,}; give {least:,} to {most:,}",
                )
            )
    if request.app_id:
        violations += [
            _conflict(name, "is a quota of the account only; leave it out") for name in OF_ACCOUNT_ONLY & changes.keys()
        ]
    return changes


def _conflict(name: str, problem: str) -> FieldViolation:
    return FieldViolation(f"quotas.{name}", error_pb2.ERROR_REASON_FIELD_CONFLICT, problem)
