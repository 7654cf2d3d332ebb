from pathlib import Path

import pytest

import clarion_server
from bench.parts import IDLE, NAMES, OTHER, attribute, part_of

_BELOW = "main (clarion_server/__main__.py:16);_run (clarion_server/cli.py:345);run (asyncio/runners.py:190)"


def _sample(*frames: str, count: int = 1) -> str:
    return f"{';'.join((_BELOW, *frames))} {count}"


@pytest.mark.parametrize(
    ("part", "frames"),
    [
        ("gRPC", ["Task.__step (grpc/_cython/cygrpc.cpython-311-x86_64-linux-gnu.so)", "sendmsg (libc.so.6)"]),
        ("gRPC", ["handle (grpc/aio/_server.py:1)", "upb_Decode (_message.abi3.so)"]),
        ("checking targets", ["check (clarion_server/sending/check.py:9)", "PyUpb_Get (_message.abi3.so)"]),
        ("checking targets", ["send (clarion_server/rpc/messaging.py:9)"]),
        ("checking targets", ["HasField (clarion/v1/messaging_pb2.py:9)"]),
        ("access, quotas, audit, database", ["Gate.allow (clarion_server/access/gate.py:1)", "0x7f (?)"]),
        ("access, quotas, audit, database", ["take (clarion_server/quotas/quotas.py:1)"]),
        ("access, quotas, audit, database", ["write (clarion_server/audit/trail.py:1)"]),
        ("access, quotas, audit, database", ["save (clarion_server/store/sql.py:1)", "execute (sqlalchemy/x.py:1)"]),
        ("call and lanes", ["Lanes.of (clarion_server/sending/lanes.py:1)"]),
        ("call and lanes", ["room (clarion_server/sending/limits.py:1)"]),
        ("call and lanes", ["Intake.begin (clarion_server/sending/intake.py:1)", "0x7f (libpython3.11.so.1.0)"]),
        ("rendering and requests", ["Plan.payload (clarion_server/sending/plan.py:1)"]),
        ("rendering and requests", ["ApnsSender.request (clarion_server/providers/apns/sender.py:1)"]),
        ("pool and connections", ["Connection.flush (clarion_server/transport/connection.py:1)"]),
        (
            "nghttp2",
            ["Ngh2Core.send (clarion_server/transport/ngh2_core.py:1)", "nghttp2_submit (ngh2/_core.so)", "memcpy (?)"],
        ),
        ("TLS and sockets", ["_write (asyncio/sslproto.py:1)", "aesni (libcrypto.so.3)"]),
        (
            "TLS and sockets",
            ["_ready (asyncio/selector_events.py:1)", "sock_send (socketmodule.c:1)", "send (libc.so.6)"],
        ),
        ("classifying and results", ["ApnsSender.classify (clarion_server/providers/apns/sender.py:1)"]),
        ("classifying and results", ["classify (clarion_server/providers/apns/outcome.py:1)"]),
        ("classifying and results", ["Reporter.give (clarion_server/sending/reporting.py:1)"]),
        ("classifying and results", ["Outbox.add (clarion_server/sending/results.py:1)"]),
        ("asyncio's loop", ["_run_once (asyncio/base_events.py:1)", "heappush (_heapqmodule.c:1)"]),
        (
            "garbage collector",
            ["Plan.payload (clarion_server/sending/plan.py:1)", "gc_collect_main.isra.0 (libpython)"],
        ),
        (IDLE, ["_run_once (asyncio/base_events.py:1)", "select (selectmodule.c:1)", "epoll_wait (libc.so.6)"]),
    ],
)
def test_a_sample_belongs_to_its_innermost_frame_that_is_part_of_something(part: str, frames: list[str]) -> None:
    """Frames of the C library, the interpreter and protobuf count for the nearest caller that is known."""
    assert dict(attribute([_sample(*frames, count=7)])) == {part: 7}


def test_only_the_main_thread_counts() -> None:
    """A stack without the event loop is another thread's."""
    lines = ["_bootstrap (threading.py:1);_worker (aiosqlite/core.py:1);futex (libc.so.6) 90", _sample("x (y.py:1)")]
    assert attribute(lines).total() == 1


def test_what_starts_the_server_is_part_of_nothing() -> None:
    """A sample in which nothing but the start of the server is known is `other`, not the command line's."""
    for frame in ("serve (clarion_server/cli.py:96)", "serve (clarion_server/commands/serve.py:9)"):
        assert part_of(["handle (grpc/aio/_server.py:1)", frame, "dlopen (libc.so.6)"]) == OTHER


@pytest.mark.parametrize("path", ["totally/unknown.py", "clarion_server/unknown.py", "clarion_server/unknown/x.py"])
def test_what_no_pattern_names_is_other(path: str) -> None:
    """A file that is in no named package belongs to no part, not even when it is one of the server's."""
    assert part_of([f"f ({path}:1)"]) == OTHER


def test_every_module_of_the_send_path_is_known() -> None:
    """No module of the packages through which a target passes ends up in `other`."""
    root = Path(clarion_server.__file__).parent
    modules = [
        path
        for name in ("rpc", "access", "quotas", "audit", "store", "sending", "providers", "transport")
        for path in (root / name).rglob("*.py")
    ]
    parts = {part_of([f"f ({path.relative_to(root.parent)}:1)"]) for path in modules}
    assert len(modules) > 100
    assert parts <= set(NAMES) - {OTHER}
    assert {"checking targets", "call and lanes", "rendering and requests"} <= parts
    assert {"access, quotas, audit, database", "pool and connections", "classifying and results"} <= parts
