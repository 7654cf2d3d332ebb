"""Targets of a call that wait aside because their channel has its share of what may be on its way."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

from clarion.v1.channel_pb2 import ChannelType
from clarion.v1.messaging_pb2 import Target
from clarion_server.providers.contract import Outcome
from clarion_server.sending.delivery import Turn
from clarion_server.sending.lane import Lane


class AsideOwner(Protocol):
    """What takes targets in."""

    def room_for(self, channel_type: ChannelType) -> int:
        """Return how many targets of this channel type may be taken in now; it may be negative."""

    def lane_for(self, channel_type: ChannelType, now: float) -> Lane | Outcome:
        """Return how targets of this type are sent to at this `loop.time()`, or what becomes of them instead."""

    def begin(self, lane: Lane | Outcome, index: int, target: Target, now: float) -> bool:
        """Send to a target, or give it its result at once; return whether it is tailored, which can take long."""

    def moved(self) -> None:
        """Targets that waited have gone, or may go: look again."""


class Aside:
    """Keeps targets in the order of each channel, and goes on with them when there is room.

    Args:
        owner: goes on with them.
        most: how many may wait.
        turn: targets taken in before the event loop's other work gets a turn.
        turn_seconds: or so long.

    Attributes:
        blocked: channel types whose targets wait for room, be it here or at the head of the intake.
    """

    def __init__(self, owner: AsideOwner, most: int, turn: int, turn_seconds: float) -> None:
        self._owner = owner
        self._most = most
        self._turn = turn
        self._turn_seconds = turn_seconds
        self._loop = asyncio.get_running_loop()
        self._parked: dict[ChannelType, deque[tuple[int, Target]]] = {}
        self._count = 0
        self._going_on: dict[ChannelType, asyncio.Handle] = {}
        self.blocked: set[ChannelType] = set()

    def __len__(self) -> int:
        """Return how many wait."""
        return self._count

    def __contains__(self, channel_type: ChannelType) -> bool:
        """Return whether targets of a channel type wait: then further ones wait behind them."""
        return channel_type in self._parked

    def waiting_for(self, channel_type: ChannelType) -> int:
        """Return how many targets of a channel type wait."""
        return len(self._parked.get(channel_type, ()))

    def put(self, index: int, target: Target, channel_type: ChannelType) -> bool:
        """Have a target wait; False: as many wait as may."""
        if self._count >= self._most:
            return False
        self._parked.setdefault(channel_type, deque()).append((index, target))
        self._count += 1
        self.blocked.add(channel_type)
        return True

    def block(self, channel_type: ChannelType) -> None:
        """Remember that a target of this type waits elsewhere, at the head of the intake."""
        self.blocked.add(channel_type)

    def make_room(self) -> None:
        """Go on with all that waits, as far as there is room."""
        for channel_type in tuple(self.blocked):
            self.make_room_for(channel_type)

    def make_room_for(self, channel_type: ChannelType) -> None:
        """Go on with what waits for one channel type."""
        if channel_type in self._parked:
            self._go_on_soon(channel_type)
        elif channel_type in self.blocked:
            self.blocked.discard(channel_type)
            self._owner.moved()

    def clear(self) -> None:
        """Forget all that wait."""
        self._parked.clear()
        self._count = 0
        for handle in self._going_on.values():
            handle.cancel()

    def _go_on_soon(self, channel_type: ChannelType) -> None:
        # Not at once: what is sent may be refused at once, which again makes room.
        if channel_type not in self._going_on:
            self._going_on[channel_type] = self._loop.call_soon(self._go_on, channel_type)

    def _go_on(self, channel_type: ChannelType) -> None:
        del self._going_on[channel_type]
        parked = self._parked.get(channel_type)
        turn = Turn(self._turn, self._turn_seconds)
        # One that is refused at once takes room as a result.
        room = self._owner.room_for(channel_type)
        while parked and room > 0:
            if turn.over():
                self._go_on_soon(channel_type)
                break
            room -= 1
            turn.left -= 1
            self._count -= 1
            now = self._loop.time()
            self._owner.begin(self._owner.lane_for(channel_type, now), *parked.popleft(), now)
        if not parked:
            self._parked.pop(channel_type, None)
            self.blocked.discard(channel_type)
        self._owner.moved()
