"""The lanes of a call, and each channel's share of what may be in flight."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import structlog

from clarion.v1.channel_pb2 import ChannelType
from clarion_server.providers.contract import Outcome
from clarion_server.sending import faults
from clarion_server.sending.breaker import Breakers
from clarion_server.sending.lane import Lane, LaneOwner
from clarion_server.sending.limits import Limits
from clarion_server.sending.meter import Meter
from clarion_server.sending.plan import Plans
from clarion_server.sending.retry import RetryPolicy

_log: Any = structlog.get_logger(__name__)


class Lanes:
    """One lane for each channel type, opened when its first target comes.

    Args:
        plans: how to send on each channel.
        owner: takes results.
        send_id: the call's, for logs.
        breakers: of all channels.
        policy: what is repeated.
        meter: counts.
        limits: the call's.

    Attributes:
        share: targets that may be in flight on each channel.
        batch: what waits for its share goes on when there is room for so many: what is sent together costs less.
    """

    def __init__(
        self,
        plans: Plans,
        owner: LaneOwner,
        send_id: str,
        *,
        breakers: Breakers,
        policy: RetryPolicy,
        meter: Meter,
        limits: Limits,
    ) -> None:
        self._plans = plans
        self._owner = owner
        self._send_id = send_id
        self._breakers = breakers
        self._policy = policy
        self._meter = meter
        self._limits = limits
        self._open: dict[ChannelType, Lane] = {}
        self._all: list[Lane] = []  # those whose channel has changed meanwhile included
        self._share_out()

    def __iter__(self) -> Iterator[Lane]:
        """Go through all lanes that still have deliveries, or may get some."""
        return iter(self._all)

    @property
    def channel_types(self) -> frozenset[ChannelType]:
        """Those that have a lane for further targets."""
        return frozenset(self._open)

    def find(self, channel_type: ChannelType) -> Lane | None:
        """Return the lane for further targets of a channel type, if there is one yet."""
        return self._open.get(channel_type)

    def get(self, channel_type: ChannelType) -> Lane | Outcome:
        """Return the lane for further targets of a channel type, or what becomes of them instead."""
        lane = self._open.get(channel_type)
        if lane is None:
            return self._make(channel_type)
        return lane if lane.plan.broken is None else lane.plan.broken

    def forget(self, stale: Sequence[ChannelType], busy: set[Lane]) -> None:
        """Have channels looked up anew.

        Args:
            stale: those that have changed.
            busy: lanes with deliveries on their way; these stay in the lane in which they began.
        """
        for kind in stale:
            self._open.pop(kind, None)
        used = busy | set(self._open.values())
        for lane in self._all:
            if lane not in used:
                lane.release()
        self._all = [lane for lane in self._all if lane in used]
        self._share_out()

    def _share_out(self) -> None:
        self.share = max(1, self._limits.in_flight // max(1, len(self._open)))
        self.batch = max(1, min(self._limits.turn, self.share // 4))

    def _make(self, channel_type: ChannelType) -> Lane | Outcome:
        try:
            plan = self._plans.get(channel_type)
        except Exception:  # noqa: BLE001 - no target may lose its result
            _log.exception("planning failed", send_id=self._send_id)
            return faults.FAULT
        if isinstance(plan, Outcome):
            return plan
        lane = Lane(
            plan,
            self._owner,
            self._send_id,
            breaker=self._breakers.get(plan.channel, plan.sender.pool),
            policy=self._policy,
            meter=self._meter,
            turn=self._limits.turn,
            turn_seconds=self._limits.turn_seconds,
        )
        self._open[channel_type] = lane
        self._all.append(lane)
        self._share_out()
        return lane if plan.broken is None else plan.broken
