"""What is measured: every case, and what it is compared with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

Kind = Literal["engine", "stream", "unary", "calls", "single", "engine-single", "grpc-single"]
"""`engine`: the bare engine, without server. `stream`: StreamMessages. `unary`: SendMessages one after the other.
`calls`: SendMessages, eight at a time. `single`: SendMessages with one target at a fixed rate. `engine-single`: the
bare engine at a fixed rate, for the latency of provider and machine. `grpc-single`: `single` to a server that has all
answers ready, for the cost of gRPC and generator."""

#: Kinds that have nothing to do with a server of Clarion.
WITHOUT_SERVER: frozenset[Kind] = frozenset({"engine", "engine-single", "grpc-single"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """How the server under measurement runs.

    Attributes:
        tls: gRPC over TLS.
        workers: processes.
        database: SQLite or PostgreSQL.
        provider: `stub` answers as the channel's provider does; `nghttpd` is a server that others wrote, with longer
            answers.
        delay: milliseconds after which `stub` answers.
        channel: which channel each app has.
        apps: apps with a channel each.
        access: `anonymous`: everybody may do everything, and calls are recorded in the database, as they are by
            default. `bare`: not even that. `secured`: callers have tokens, policies with conditions decide, account and
            app have quotas, and calls are recorded in the database and as lines.
    """

    tls: bool = False
    workers: int = 1
    database: Literal["sqlite", "postgresql"] = "sqlite"
    provider: Literal["stub", "nghttpd"] = "stub"
    delay: int = 0
    channel: Literal["APNs", "FCM"] = "APNs"
    apps: int = 1
    access: Literal["anonymous", "bare", "secured"] = "anonymous"

    @property
    def name(self) -> str:
        """A file name."""
        tls = "tls" if self.tls else "plain"
        provider = f"{self.channel}-{self.provider}-{self.delay}"
        return f"{tls}-{self.workers}-{self.database}-{provider}-{self.apps}-{self.access}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One measurement.

    Attributes:
        name: for tables; unique.
        group: what it is compared with.
        kind: what sends.
        setup: of the server.
        targets: of each call; requests, for the bare engine.
        calls: how many.
        rate: calls a second, for kinds with a fixed rate.
        personalised: each target has a title and two substitutions of its own.
        failing: share of targets that the provider refuses as unregistered.
        streams: StreamMessages calls at the same time.
    """

    name: str
    group: str
    kind: Kind
    setup: Setup = Setup()
    targets: int = 1
    calls: int = 1
    rate: int = 0
    personalised: bool = False
    failing: float = 0.0
    streams: int = 1


MAIN = "one message to all"
SIZES = "size of a call"
CONTENT = "content and outcome"
SLOW = "a provider that takes 50 ms"
NGHTTPD = "nghttpd as the provider"
FCM = "FCM"
SETUPS = "set-up of the server"
ACCESS = "access, quotas and audit"
APPS = "number of apps"
SINGLE = "one target a call"

_SLOW = Setup(delay=50)


def suite(scale: float = 1.0) -> list[Case]:
    """Return all cases.

    Args:
        scale: multiplies the numbers of targets and calls.
    """

    def many(count: int) -> int:
        return max(int(count * scale), 10)

    two = Setup(workers=2)
    million, base, some = many(1_000_000), many(200_000), many(100_000)
    return [
        Case(name="bare engine", group=MAIN, kind="engine", targets=base),
        Case(name=f"StreamMessages, {base:,} targets", group=MAIN, kind="stream", targets=base),
        Case(name=f"StreamMessages, {million:,} targets", group=SIZES, kind="stream", targets=million),
        Case(name=f"StreamMessages, {some:,} targets", group=SIZES, kind="stream", targets=some),
        Case(name="SendMessages, 10,000 targets", group=SIZES, kind="unary", targets=10_000, calls=many(10)),
        Case(name="SendMessages, 100 targets", group=SIZES, kind="unary", targets=100, calls=many(400)),
        Case(name="a message for each", group=CONTENT, kind="stream", targets=base, personalised=True),
        Case(name="30 % refused", group=CONTENT, kind="stream", targets=base, failing=0.3),
        Case(name="bare engine, 50 ms", group=SLOW, kind="engine", setup=_SLOW, targets=base),
        Case(name="StreamMessages, 50 ms", group=SLOW, kind="stream", setup=_SLOW, targets=base),
        Case(
            name="secured, 50 ms", group=SLOW, kind="stream", setup=Setup(delay=50, access="secured"), targets=million
        ),
        *_nghttpd(million, base),
        *_fcm(million, base),
        Case(name="TLS", group=SETUPS, kind="stream", setup=Setup(tls=True), targets=base),
        Case(name="PostgreSQL", group=SETUPS, kind="stream", setup=Setup(database="postgresql"), targets=base),
        Case(name="1 worker, 4 streams", group=SETUPS, kind="stream", targets=some // 2, streams=4),
        Case(name="2 workers, 4 streams", group=SETUPS, kind="stream", setup=two, targets=some // 2, streams=4),
        *_access(million, base, many),
        Case(name="1 app", group=APPS, kind="calls", targets=100, calls=many(1000)),
        Case(name="1,000 apps", group=APPS, kind="calls", setup=Setup(apps=many(1000)), targets=100, calls=many(1000)),
        Case(name="provider alone, 200/s", group=SINGLE, kind="engine-single", targets=many(1000), rate=200),
        Case(name="gRPC alone, 200/s", group=SINGLE, kind="grpc-single", calls=many(1000), rate=200),
        *(
            Case(name=f"{rate} calls/s", group=SINGLE, kind="single", calls=many(5 * rate), rate=rate)
            for rate in (50, 200, 400)
        ),
    ]


def _nghttpd(million: int, base: int) -> Iterator[Case]:
    """Yield the main cases with another provider."""
    plain, secured = Setup(provider="nghttpd"), Setup(provider="nghttpd", access="secured")
    yield Case(name="bare engine, nghttpd", group=NGHTTPD, kind="engine", setup=plain, targets=base)
    yield Case(name="StreamMessages, nghttpd", group=NGHTTPD, kind="stream", setup=plain, targets=base)
    yield Case(name="secured, nghttpd", group=NGHTTPD, kind="stream", setup=secured, targets=million)


def _fcm(million: int, base: int) -> Iterator[Case]:
    """Yield the main cases with another channel, whose answers are JSON and whose addresses stand in the body."""
    plain, secured = Setup(channel="FCM"), Setup(channel="FCM", access="secured")
    yield Case(name="StreamMessages, FCM", group=FCM, kind="stream", setup=plain, targets=base)
    yield Case(name="a message for each, FCM", group=FCM, kind="stream", setup=plain, targets=base, personalised=True)
    yield Case(name="secured, FCM", group=FCM, kind="stream", setup=secured, targets=million)


def _access(million: int, base: int, many: Callable[[int], int]) -> Iterator[Case]:
    """Yield the same work on a server that asks and records nothing, and on one with everything on."""
    choices: tuple[Literal["bare", "secured"], ...] = ("bare", "secured")
    for access in choices:
        setup = Setup(access=access)
        yield Case(name=f"{access}: StreamMessages", group=ACCESS, kind="stream", setup=setup, targets=base)
        yield Case(
            name=f"{access}: 1,000 targets a call",
            group=ACCESS,
            kind="unary",
            setup=setup,
            targets=1000,
            calls=many(100),
        )
        yield Case(
            name=f"{access}: 100 targets a call",
            group=ACCESS,
            kind="unary",
            setup=setup,
            targets=100,
            calls=many(400),
        )
        yield Case(
            name=f"{access}: 1 target a call", group=ACCESS, kind="calls", setup=setup, targets=1, calls=many(5000)
        )
    # Last, so that the ones above are measured on servers that have done the same before.
    yield Case(
        name=f"secured: {million:,} targets",
        group=ACCESS,
        kind="stream",
        setup=Setup(access="secured"),
        targets=million,
    )
