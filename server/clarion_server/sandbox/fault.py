"""What a fault is: a kind, when it strikes, and what it does then. The table of kinds is also in docs/sandbox.md."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

BEFORE, AFTER = "before", "after"


class FaultKind(StrEnum):
    """The kinds of faults."""

    GOAWAY = "goaway"
    REFUSED_STREAM = "refused_stream"
    STREAM_RESET = "stream_reset"
    CUT_BODY = "cut_body"
    CONNECTION_RESET = "connection_reset"
    SILENCE = "silence"
    HALF_OPEN = "half_open"
    STATUS = "status"
    HTML = "html"
    SLOW_BODY = "slow_body"
    SETTINGS = "settings"
    SILENT_CONNECTION = "silent_connection"
    MAX_AGE = "max_age"
    TLS_REFUSED = "tls_refused"
    OTHER_CERTIFICATE = "other_certificate"
    REFUSE_CONNECTIONS = "refuse_connections"


class Stage(StrEnum):
    """What a fault strikes."""

    REQUEST = "request"
    CONNECTION = "connection"
    HANDSHAKE = "handshake"
    LISTENER = "listener"


@dataclass(frozen=True, slots=True)
class Trait:
    """What is true of all faults of a kind.

    Attributes:
        stage: what it strikes.
        description: one sentence for people.
        when: what `when` may be, the default first; empty where no request is struck.
        options: options of its own that it takes.
        http2_only: it can be said in HTTP/2 only; requests over HTTP/1.1 are passed over.
    """

    stage: Stage
    description: str
    when: tuple[str, ...] = ()
    options: frozenset[str] = frozenset()
    http2_only: bool = False


def _options(text: str = "") -> frozenset[str]:
    return frozenset(text.split())


TRAITS = {
    FaultKind.GOAWAY: Trait(
        Stage.REQUEST,
        "GOAWAY. `before`: the last stream id excludes the request; `after`: it includes it, and it is answered.",
        (BEFORE, AFTER),
        _options("reason error_code"),
        http2_only=True,
    ),
    FaultKind.REFUSED_STREAM: Trait(Stage.REQUEST, "RST_STREAM with REFUSED_STREAM.", (BEFORE,), http2_only=True),
    FaultKind.STREAM_RESET: Trait(
        Stage.REQUEST,
        "RST_STREAM instead of an answer; HTTP/1.1: the connection is reset.",
        (AFTER, BEFORE),
        _options("error_code"),
    ),
    FaultKind.CUT_BODY: Trait(
        Stage.REQUEST,
        "The answer's headers and half of its body, then RST_STREAM; HTTP/1.1: then the connection ends.",
        (AFTER, BEFORE),
        _options("status reason retry_after error_code"),
    ),
    FaultKind.CONNECTION_RESET: Trait(Stage.REQUEST, "The connection is reset (TCP RST).", (AFTER, BEFORE)),
    FaultKind.SILENCE: Trait(Stage.REQUEST, "The request is never answered; others are.", (BEFORE, AFTER)),
    FaultKind.HALF_OPEN: Trait(
        Stage.REQUEST,
        "From this request on the connection stays open, but nothing is answered or acknowledged, no PING either.",
        (BEFORE, AFTER),
    ),
    FaultKind.STATUS: Trait(
        Stage.REQUEST,
        "An error in the provider's form. `after`: although the message was delivered.",
        (BEFORE, AFTER),
        _options("status reason retry_after"),
    ),
    FaultKind.HTML: Trait(
        Stage.REQUEST,
        "A page of HTML with an error status, as proxies and front ends send.",
        (BEFORE, AFTER),
        _options("status retry_after"),
    ),
    FaultKind.SLOW_BODY: Trait(
        Stage.REQUEST,
        "The answer's body comes byte by byte, one each `seconds`.",
        (AFTER, BEFORE),
        _options("status reason retry_after seconds"),
    ),
    FaultKind.SETTINGS: Trait(
        Stage.REQUEST,
        "SETTINGS lower the concurrent streams of the connection to `max_streams`; the request is answered.",
        (AFTER,),
        _options("max_streams"),
        http2_only=True,
    ),
    FaultKind.SILENT_CONNECTION: Trait(
        Stage.CONNECTION, "The connection is accepted, TLS too, and then nothing is ever said, no SETTINGS either."
    ),
    FaultKind.MAX_AGE: Trait(
        Stage.CONNECTION,
        "The connection ends in good order after `seconds`: GOAWAY, answers, close.",
        (),
        _options("seconds reason"),
    ),
    FaultKind.TLS_REFUSED: Trait(Stage.HANDSHAKE, "The TLS handshake is broken off after the client's hello."),
    FaultKind.OTHER_CERTIFICATE: Trait(
        Stage.HANDSHAKE,
        "The server shows a certificate that clients must not accept.",
        (),
        _options("certificate"),
    ),
    FaultKind.REFUSE_CONNECTIONS: Trait(
        Stage.LISTENER, "The listener is closed and its connections are reset, as if the service had ended."
    ),
}
"""All kinds, with what is true of them."""

_OWN_OPTIONS = _options("when reason error_code status retry_after seconds max_streams certificate")
_CHANCES = _options("probability skip count seed")


class Fault(BaseModel):
    """A fault that can be switched on.

    Attributes:
        kind: what happens.
        when: whether the request that it strikes is processed first: `before` = surely not processed, nothing is
            delivered; `after` = processed, a message to a good address counts as delivered.
        probability: how likely it strikes each time, above 0, up to 1.
        skip: the first so many times it never strikes.
        count: it strikes at most so often; None = without limit.
        duration: seconds (real ones) until it is over; None = until it is switched off.
        seed: of its random numbers, so that a run can be repeated. Chosen when it is not given.
        path: only requests whose path starts with this.
        status: HTTP status, 400 to 599. `cut_body` and `slow_body` spoil the real answer without it.
        reason: the provider's reason in the error body, or in GOAWAY's debug data.
        retry_after: seconds in the header `retry-after`.
        error_code: HTTP/2 error code of GOAWAY (default 0) or RST_STREAM (default 2, INTERNAL_ERROR).
        seconds: a connection's age, default 1; or between two bytes of a body, default 0.02.
        max_streams: the lowered limit.
        certificate: what is wrong with the certificate.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: FaultKind
    when: Literal["before", "after"] | None = None
    probability: float = Field(default=1.0, gt=0, le=1)
    skip: int = Field(default=0, ge=0)
    count: int | None = Field(default=None, ge=1)
    duration: float | None = Field(default=None, gt=0, le=86_400)
    seed: int | None = None
    path: str = Field(default="", max_length=256)
    status: int | None = Field(default=None, ge=400, le=599)
    reason: str | None = Field(default=None, max_length=256)
    retry_after: int | None = Field(default=None, ge=0, le=86_400)
    error_code: int | None = Field(default=None, ge=0, le=0xFFFFFFFF)
    seconds: float | None = Field(default=None, ge=0, le=3600)
    max_streams: int | None = Field(default=None, ge=0, le=1000)
    certificate: Literal["unknown_authority", "expired", "other_host"] | None = None

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        trait = TRAITS[self.kind]
        allowed = trait.options | (_options("when") if trait.when else frozenset())
        given = {name for name in _OWN_OPTIONS if getattr(self, name) is not None}
        if wrong := sorted(given - allowed):
            raise ValueError(f"{self.kind} takes no {', '.join(wrong)}: leave it out")
        if self.when is not None and self.when not in trait.when:
            raise ValueError(f"when must be {' or '.join(trait.when)} for {self.kind}")
        if self.path and trait.stage is not Stage.REQUEST:
            raise ValueError(f"{self.kind} takes no path: it does not strike single requests")
        if trait.stage is Stage.LISTENER and (chances := sorted(_CHANCES & self.model_fields_set)):
            raise ValueError(f"{self.kind} takes no {', '.join(chances)}: it holds until it is switched off")
        if self.status is not None and self.kind is not FaultKind.HTML and self.when == AFTER and self._spoils:
            raise ValueError(f"{self.kind} spoils the real answer after processing: leave out status, or when")
        return self

    @property
    def trait(self) -> Trait:
        """What is true of its kind."""
        return TRAITS[self.kind]

    @property
    def _spoils(self) -> bool:
        return self.kind in {FaultKind.CUT_BODY, FaultKind.SLOW_BODY}

    @property
    def processed(self) -> bool:
        """Whether the request that it strikes is processed."""
        if self.when is not None:
            return self.when == AFTER
        if self._spoils and self.status is not None:
            return False
        return self.trait.when[:1] == (AFTER,)

    @property
    def answer_status(self) -> int | None:
        """The status of its own answer; None when there is none, or when it spoils the real one."""
        defaults = {FaultKind.STATUS: 503, FaultKind.HTML: 502}
        if self._spoils and not self.processed:
            return self.status or 503
        return self.status or defaults.get(self.kind)
