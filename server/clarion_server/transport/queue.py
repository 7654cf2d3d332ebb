"""What waits for a connection: one queue per flow, and the flows take turns."""

from __future__ import annotations

import math
from collections import deque

from clarion_server.transport.exchange import Exchange, Flow

# Exchanges of one flow that are taken before it is the next one's turn.
_IN_A_ROW = 8
# The part of a pool's streams that one flow may hold once there are others: those find the rest free.
_SHARE = 0.75


class FairQueue:
    """Exchanges that wait, first in, first out within a flow; between flows round robin.

    A flow whose exchanges hold its share of the streams is passed over until one of them is done. So neither the length
    of its queue nor the slowness of its answers takes a pool from the others. A flow that has always been alone may
    have all streams.
    """

    def __init__(self) -> None:
        self._turns: deque[Flow] = deque()  # flows that may go on, each with something that waits
        self._full: set[Flow] = set()  # flows with something that waits, and their share of streams
        self._ready = 0
        self._in_a_row = 0
        self._only: Flow | None = None
        self._shared = False
        self._most: float = math.inf

    def __len__(self) -> int:
        """Return how many could be taken now; a flow may reach its share before."""
        return self._ready

    @property
    def waiting(self) -> int:
        """How many wait, those of flows that are passed over included."""
        return self._ready + sum(len(flow.queue) for flow in self._full)

    @property
    def shared(self) -> bool:
        """Whether more than one flow has ever been here."""
        return self._shared

    def share(self, streams: int) -> None:
        """Say how many streams the pool has."""
        self._most = max(1, int(streams * _SHARE)) if self._shared else math.inf
        for flow in [flow for flow in self._full if flow.in_flight < self._most]:
            self._again(flow)

    def append(self, exchange: Exchange) -> None:
        """Put an exchange at the end of its flow. Hot path."""
        flow = exchange.flow
        if not flow.queue:
            self._comes(flow)
        if flow not in self._full:
            self._ready += 1
        flow.queue.append(exchange)

    def appendleft(self, exchange: Exchange) -> None:
        """Put an exchange back at the head of its flow."""
        flow = exchange.flow
        if not flow.queue:
            self._comes(flow)
        if flow not in self._full:
            self._ready += 1
        flow.queue.appendleft(exchange)

    def take(self, count: int) -> list[Exchange]:
        """Take up to so many, fewer when all flows that wait have their share; each is in flight until `release`.

        Hot path: what holds for a flow is looked up once for those that follow each other.
        """
        taken: list[Exchange] = []
        turns = self._turns
        while turns and count > 0:
            flow = turns[0]
            waiting = flow.queue
            most = min(count, len(waiting))
            if self._shared:
                free = self._most - flow.in_flight
                if free <= 0:
                    turns.popleft()
                    self._full.add(flow)
                    self._ready -= len(waiting)
                    self._in_a_row = 0
                    continue
                most = min(most, int(min(free, _IN_A_ROW - self._in_a_row)))
            popleft = waiting.popleft
            taken += [popleft() for _ in range(most)]
            flow.in_flight += most
            self._ready -= most
            count -= most
            if not waiting:
                turns.popleft()
                self._in_a_row = 0
            elif self._shared:
                self._in_a_row += most
                if self._in_a_row >= _IN_A_ROW:
                    turns.rotate(-1)
                    self._in_a_row = 0
        return taken

    def release(self, flow: Flow) -> None:
        """One of the flow's exchanges that were taken has left its stream, or never came to one. Hot path."""
        flow.in_flight -= 1
        if flow in self._full and flow.in_flight < self._most:
            self._again(flow)

    def clear(self) -> list[Exchange]:
        """Return all that wait, and forget them."""
        everything: list[Exchange] = []
        for flow in (*self._turns, *self._full):
            everything += flow.queue
            flow.queue.clear()
        self._turns.clear()
        self._full.clear()
        self._ready = self._in_a_row = 0
        return everything

    def _comes(self, flow: Flow) -> None:
        """Give a flow that had nothing its turn."""
        if flow is not self._only:
            self._shared = self._shared or self._only is not None
            self._only = flow
        self._turns.append(flow)

    def _again(self, flow: Flow) -> None:
        self._full.remove(flow)
        self._turns.append(flow)
        self._ready += len(flow.queue)
