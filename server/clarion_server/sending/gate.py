"""How a call's quotas let its targets in."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from clarion_server.providers.contract import Outcome
from clarion_server.sending import faults
from clarion_server.sending.pacing import Pacer

# A call that a quota holds up asks again after so many seconds, at the least and at the most: not for every target, and
# soon after a quota was changed.
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.01, 0.05


class QuotaGate:
    """Asks the quotas for some hundred targets at a time.

    Args:
        pacer: the call's.
        deadline: `loop.time()` by which the call must be over.
        most: targets asked for at once.

    Attributes:
        granted: targets that may pass without asking; who lets one pass takes it off.
        refusal: outcome of those that come now: the deadline has passed while a quota held the call up.
    """

    def __init__(self, pacer: Pacer, deadline: float, most: int) -> None:
        self.granted = 0
        self.refusal: Outcome | None = None
        self._pacer = pacer
        self._deadline = deadline
        self._most = most
        self._loop = asyncio.get_running_loop()
        self._refused = 0

    async def wait(self, waiting: int, ended: Callable[[], bool], meanwhile: Callable[[], Awaitable[None]]) -> None:
        """Wait until at least one of so many targets is granted, or until the call's deadline.

        Args:
            waiting: targets that have come.
            ended: whether the call sends nothing any more: then all may pass, for their results.
            meanwhile: what to do again and again while waiting.
        """
        wanted = min(waiting, self._most)
        while self.refusal is None and not ended():
            if granted := self._pacer.take(wanted):
                self.granted = granted
                return
            left = self._deadline - self._loop.time()
            if left <= 0:
                break
            await asyncio.sleep(min(max(self._pacer.wait(wanted), _SHORTEST_PAUSE), _LONGEST_PAUSE, left))
            # What has waited long is not sent by what was true before.
            await meanwhile()
        self.granted = wanted
        if not ended():
            self._refused += wanted
            self.refusal = faults.over_quota(max(1.0, self._pacer.wait(self._refused)))
