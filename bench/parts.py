"""Parts of the send path, and to which of them a sample of a profile belongs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

IDLE = "idle"
OTHER = "other"

_GRPC = "gRPC"
_CHECKING = "checking targets"
_CALL = "call and lanes"
_RENDERING = "rendering and requests"
_CONNECTIONS = "pool and connections"
_NGHTTP2 = "nghttp2"
_SOCKETS = "TLS and sockets"
_RESULTS = "classifying and results"
_LOOP = "asyncio's loop"
_GARBAGE = "garbage collector"
_ADMISSION = "access, quotas, audit, database"
#: In the order in which a target passes them.
NAMES = (
    _GRPC,
    _CHECKING,
    _ADMISSION,
    _CALL,
    _RENDERING,
    _CONNECTIONS,
    _NGHTTP2,
    _SOCKETS,
    _RESULTS,
    _LOOP,
    _GARBAGE,
    OTHER,
)

# A frame is `function (file:line)`, or `function (library)` in native code. The first pattern that is found in it says
# which part it is. Where none is (C library, interpreter, protobuf, standard library), it works for its caller.
_PATTERNS = tuple(
    (name, re.compile(pattern))
    for name, pattern in (
        (_GARBAGE, r"^(gc_\w+|_?PyGC_\w+|deduce_unreachable|(subtract|update)_refs|visit_(decref|reachable))[\w.]* "),
        (_GRPC, r"\((grpc/|.*cygrpc)"),
        (_NGHTTP2, r"\(ngh2/|^nghttp2_"),
        (_SOCKETS, r"\((asyncio/(sslproto|selector_events|transports)|_ssl|ssl\.|socketmodule|lib(ssl|crypto))"),
        (_LOOP, r"\((asyncio/|_asynciomodule|selectors\.|selectmodule)"),
        (_RESULTS, r"^[\w.]*\bclassify \(clarion_server/providers/"),
        (_RESULTS, r"\(clarion_server/(sending/(reporting|results)|providers/(\w+/)?(\w*outcomes?|answers))\.py"),
        (_RENDERING, r"\(clarion_server/(providers/|sending/(layers|plan|resolve|splice|substitute)\.py)"),
        (_CONNECTIONS, r"\(clarion_server/transport/"),
        (_CHECKING, r"\(clarion_server/sending/(check|tailoring)\.py"),
        (_CALL, r"\(clarion_server/sending/"),
        (_CHECKING, r"\((clarion_server/rpc|clarion)/"),
        (_ADMISSION, r"\(clarion_server/(access|audit|quotas|store)/"),
    )
)
# Only the thread with the event loop counts: it does the work.
_MAIN_THREAD = "(asyncio/runners.py"
_WAITING = re.compile(r"^epoll_wait ")
# What starts the server is below every sample, and part of none.
_BELOW = re.compile(r"\((clarion_server/(__main__\.py|cli\.py|commands/)|bench/)")


def part_of(frames: list[str]) -> str:
    """Return the part to which a sample belongs, outermost frame first."""
    if _WAITING.search(frames[-1]):
        return IDLE
    for frame in reversed(frames):
        if _BELOW.search(frame):
            break
        for name, pattern in _PATTERNS:
            if pattern.search(frame):
                return name
    return OTHER


def attribute(folded: Iterable[str]) -> Counter[str]:
    """Return how many samples of the main thread belong to each part, and to `IDLE`.

    Args:
        folded: lines as py-spy writes them with `--format raw`: frames separated by `;`, a blank, a number.
    """
    counts: Counter[str] = Counter()
    for line in folded:
        stack, _, number = line.rpartition(" ")
        if _MAIN_THREAD in stack:
            counts[part_of(stack.split(";"))] += int(number)
    return counts
