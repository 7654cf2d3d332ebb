"""The control listener: counters, faults and the clock, for people with curl and tools in other processes."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from clarion_server.providers.emulation import SandboxConnection, SandboxRequest, SandboxResponse
from clarion_server.sandbox.clock import SimulatedClock
from clarion_server.sandbox.fault import Fault
from clarion_server.sandbox.faults import FaultError, Faults, NoSuchListener
from clarion_server.sandbox.stats import SandboxStats

_JSON_TYPE = ((b"content-type", b"application/json"),)
_FAULTS: TypeAdapter[list[Fault]] = TypeAdapter(list[Fault])


class _ClockChange(BaseModel):
    """The body of `POST /clock`: exactly one of these."""

    model_config = ConfigDict(extra="forbid")

    advance: float | None = None
    set: datetime | None = Field(default=None)
    reset: bool | None = None


class _Refusal(Exception):
    """A request is refused."""

    def __init__(self, status: int, problem: str, headers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
        super().__init__(problem)
        self.response = _json({"error": problem}, status, headers)


class ControlEmulator:
    """The control API; docs/sandbox.md describes it.

    Args:
        stats: counters.
        faults: what is switched on and off.
        clock: the sandbox's time.
        disconnect: resets the connections of a listener and returns how many there were.
    """

    def __init__(
        self, stats: SandboxStats, faults: Faults, clock: SimulatedClock, disconnect: Callable[[str], int]
    ) -> None:
        self._stats = stats
        self._faults = faults
        self._clock = clock
        self._disconnect = disconnect

    def connect(self, client_certificate: bytes | None) -> SandboxConnection:  # noqa: ARG002 - plain HTTP has none
        """See `Emulator.connect`."""
        return SandboxConnection()

    def handle(self, request: SandboxRequest) -> SandboxResponse:
        """See `Emulator.handle`."""
        try:
            return _json(self._answer(request))
        except _Refusal as refusal:
            return refusal.response
        except FaultError as error:
            return _json({"error": str(error)}, 404 if isinstance(error, NoSuchListener) else 400)
        except ValidationError as error:
            return _json({"error": "; ".join(map(_explain, error.errors()))}, 400)
        except ValueError as error:
            return _json({"error": str(error)}, 400)

    def _answer(self, request: SandboxRequest) -> dict[str, Any]:
        if any(name == b"origin" for name, _ in request.headers):
            raise _Refusal(403, "web pages may not control the sandbox: send no Origin header")
        match request.path.partition("?")[0].strip("/").split("/"):
            case ["healthz"]:
                _only(request, "GET")
                return {"status": "ok"}
            case ["stats"]:
                _only(request, "GET")
                return self._stats.as_json()
            case ["clock"]:
                return self._change_clock(request)
            case ["connections", listener]:
                _only(request, "DELETE")
                self._faults.of(listener)
                return {"reset": self._disconnect(listener)}
            case ["faults"]:
                _only(request, "GET", "DELETE")
                if request.method == "DELETE":
                    self._faults.clear()
                return self._faults.as_json()
            case ["faults", listener]:
                return self._change_faults(request, listener)
            case ["faults", listener, number]:
                _only(request, "DELETE")
                if not number.isascii() or not number.isdigit() or not self._faults.of(listener).remove(int(number)):
                    raise _Refusal(404, f"{listener} has no fault {number[:20]!r}: GET /faults/{listener} lists them")
                return self._faults.as_json(listener)
        raise _Refusal(404, "there are /stats, /healthz, /faults, /faults/LISTENER, /clock, /connections/LISTENER")

    def _change_faults(self, request: SandboxRequest, listener: str) -> dict[str, Any]:
        _only(request, "GET", "PUT", "POST", "DELETE")
        if request.method == "DELETE":
            self._faults.clear(listener)
        elif request.method != "GET":
            document = _document(request)
            faults = _FAULTS.validate_python(document if isinstance(document, list) else [document])
            (self._faults.replace if request.method == "PUT" else self._faults.add)(listener, *faults)
        return self._faults.as_json(listener)

    def _change_clock(self, request: SandboxRequest) -> dict[str, Any]:
        _only(request, "GET", "POST")
        clock = self._clock
        if request.method == "POST":
            change = _ClockChange.model_validate(_document(request))
            if len(change.model_fields_set) != 1:
                raise _Refusal(400, 'give exactly one of {"advance": SECONDS}, {"set": TIME}, {"reset": true}')
            if change.advance is not None:
                clock.advance(change.advance)
            elif change.set is not None:
                moment = change.set if change.set.tzinfo is not None else change.set.replace(tzinfo=UTC)
                clock.set(moment.timestamp())
            elif change.reset:
                clock.reset()
        now = clock()
        return {
            "now": datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds"),
            "seconds": round(now, 3),
            "offset": round(clock.offset, 3),
        }


def _only(request: SandboxRequest, *methods: str) -> None:
    if request.method not in methods:
        allow = ((b"allow", ", ".join(methods).encode()),)
        raise _Refusal(405, f"the method must be {' or '.join(methods)}", allow)


def _document(request: SandboxRequest) -> Any:
    try:
        return json.loads(request.body)
    except (ValueError, RecursionError):
        raise _Refusal(400, "the body must be JSON") from None


def _explain(error: Any) -> str:
    # The first place is an index of the list, the fault's number.
    name = ".".join(str(part) for part in error["loc"] if isinstance(part, str))
    message = str(error["msg"]).removeprefix("Value error, ")
    return f"{name}: {message}" if name else message


def _json(document: Any, status: int = 200, headers: tuple[tuple[bytes, bytes], ...] = ()) -> SandboxResponse:
    return SandboxResponse(status, "control", (*_JSON_TYPE, *headers), (json.dumps(document) + "\n").encode())
