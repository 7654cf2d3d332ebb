"""Comparing the values of conditions, by type.

Each function reads the policy's values and returns the test of one value of a request: whether it matches any of them.
A value of the request that is not of the type matches nothing.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import operator
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from clarion_server.access.policy.matching import ARN_SEGMENTS, ArnInvalid, ArnPattern
from clarion_server.access.policy.text import Getter, Piece, Variable, Wild, make_pattern, read_text
from clarion_server.access_model import AccessRequest

Test = Callable[[str, AccessRequest], bool]
"""Tells whether a value of a request matches."""

Variables = Callable[[str], Getter | None] | None
"""Finds the getter of a policy variable; None where there are none."""

_Value = TypeVar("_Value")

Comparison = Callable[[Decimal, Decimal], bool]
EQUAL: Comparison = operator.eq
LESS: Comparison = operator.lt
LESS_EQUAL: Comparison = operator.le
GREATER: Comparison = operator.gt
GREATER_EQUAL: Comparison = operator.ge

_NUMBER = re.compile(r"[+-]?(\d{1,40})(\.\d{1,40})?([eE][+-]?\d{1,2})?", re.ASCII)
_EPOCH = re.compile(r"-?\d{5,15}(\.\d{1,9})?", re.ASCII)
_DATE = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)(Z|[+-]\d\d:?\d\d))?)?)?", re.ASCII
)
# Of a value in a finding.
_QUOTED = 60


class ValueInvalid(ValueError):
    """An operator cannot compare with this value. The text says what is wrong and what would be right."""


def never(_value: str, _request: AccessRequest) -> bool:
    """Match nothing."""
    return False


def equal_strings(texts: Sequence[str], variables: Variables) -> Test:
    """Compare strings exactly."""
    return _equal(texts, variables, str)


def equal_ignoring_case(texts: Sequence[str], variables: Variables) -> Test:
    """Compare strings without regard to case."""
    return _equal(texts, variables, str.casefold)


def _equal(texts: Sequence[str], variables: Variables, fold: Callable[[str], str]) -> Test:
    read = [read_text(text, variables=variables, wildcards=False) for text in texts]
    fixed = frozenset(
        fold("".join(piece for piece in pieces if isinstance(piece, str)))
        for pieces in read
        if not any(isinstance(piece, Variable) for piece in pieces)
    )
    templates = [pieces for pieces in read if any(isinstance(piece, Variable) for piece in pieces)]
    if not templates:
        return lambda value, _request: fold(value) in fixed

    def test(value: str, request: AccessRequest) -> bool:
        folded = fold(value)
        return folded in fixed or any(fold(text) == folded for text in _filled(templates, request))

    return test


def _filled(templates: Sequence[Sequence[Piece]], request: AccessRequest) -> Iterator[str]:
    """Yield the texts of those templates whose variables all have values."""
    for template in templates:
        values = [piece.value(request) if isinstance(piece, Variable) else str(piece) for piece in template]
        texts = [value for value in values if value is not None]
        if len(texts) == len(values):
            yield "".join(texts)


def like_strings(texts: Sequence[str], variables: Variables) -> Test:
    """Compare strings with wildcards."""
    patterns = [make_pattern(read_text(text, variables=variables, wildcards=True)) for text in texts]
    return lambda value, request: any(pattern.matches(value, request) for pattern in patterns)


def arns(texts: Sequence[str], variables: Variables) -> Test:
    """Compare ARNs, segment by segment, with wildcards.

    Raises:
        ValueInvalid: a value is not the pattern of an ARN.
    """
    patterns = [_arn(text, variables) for text in texts]
    return lambda value, request: any(pattern.matches(value, request) for pattern in patterns)


def _arn(text: str, variables: Variables) -> ArnPattern:
    pieces = read_text(text, variables=variables, wildcards=True)
    try:
        pattern = ArnPattern(pieces)
    except ArnInvalid as error:
        raise ValueInvalid(f"{_quoted(text)} {error}; write all six segments, each perhaps with wildcards") from None
    if len(pattern.segments) != ARN_SEGMENTS and list(pieces) != [Wild.ANY]:
        raise ValueInvalid(
            f"{_quoted(text)} has {len(pattern.segments)} segments, which are compared one by one; write all six"
        )
    return pattern


def numbers(compare: Comparison) -> Callable[[Sequence[str], Variables], Test]:
    """Return the maker of a test that compares numbers; it raises `ValueInvalid` for others."""

    def make(texts: Sequence[str], _variables: Variables) -> Test:
        wanted = [_needed(text, _number(text), "a number, such as 10 or 2.5") for text in texts]
        return _comparing(_number, compare, wanted)

    return make


def dates(compare: Comparison) -> Callable[[Sequence[str], Variables], Test]:
    """Return the maker of a test that compares times; it raises `ValueInvalid` for others."""

    def make(texts: Sequence[str], _variables: Variables) -> Test:
        right = "a time such as 2026-01-31T09:00:00Z, or seconds since 1970"
        wanted = [_needed(text, _time(text), right) for text in texts]
        return _comparing(_time, compare, wanted)

    return make


def _comparing(read: Callable[[str], Decimal | None], compare: Comparison, wanted: Sequence[Decimal]) -> Test:
    def test(value: str, _request: AccessRequest) -> bool:
        number = read(value)
        return number is not None and any(compare(number, each) for each in wanted)

    return test


def _number(text: str) -> Decimal | None:
    return Decimal(text) if _NUMBER.fullmatch(text) else None


def _time(text: str) -> Decimal | None:
    """Return seconds since 1970. Four digits are a year."""
    if _EPOCH.fullmatch(text):
        return Decimal(text)
    found = _DATE.fullmatch(text)
    if found is None:
        return None
    year, month, day, clock, zone = found.groups()
    try:
        moment = datetime.fromisoformat(f"{year}-{month or '01'}-{day or '01'}T{clock or '00:00'}{zone or 'Z'}")
        return Decimal(str(moment.timestamp()))
    except (ValueError, OverflowError):
        return None


def read_booleans(texts: Sequence[str]) -> frozenset[bool]:
    """Return which of true and false are among the values.

    Raises:
        ValueInvalid: one is neither.
    """
    known = {"true": True, "false": False}
    return frozenset(_needed(text, known.get(text.lower()), "`true` or `false`") for text in texts)


def booleans(texts: Sequence[str], _variables: Variables) -> Test:
    """Compare truth values.

    Raises:
        ValueInvalid: a value is none.
    """
    wanted = frozenset("true" if each else "false" for each in read_booleans(texts))
    return lambda value, _request: value.lower() in wanted


def binaries(texts: Sequence[str], _variables: Variables) -> Test:
    """Compare base64-encoded bytes.

    Raises:
        ValueInvalid: a value is not base64.
    """
    wanted = frozenset(_needed(text, _decoded(text), "base64") for text in texts)
    return lambda value, _request: _decoded(value) in wanted


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def addresses(texts: Sequence[str], _variables: Variables) -> Test:
    """Compare IP addresses with addresses and ranges.

    Raises:
        ValueInvalid: a value is neither.
    """
    networks = [_needed(text, _network(text), "an address or range such as 203.0.113.0/24") for text in texts]

    def test(value: str, _request: AccessRequest) -> bool:
        address = _address(value)
        if address is None:
            return False
        of, bits = address
        return any(of == version and bits & mask == network for version, network, mask in networks)

    return test


def _network(text: str) -> tuple[int, int, int] | None:
    """Return version, network and mask. IPv4 addresses within IPv6 are IPv4."""
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
    version, first, mask = network.version, int(network.network_address), int(network.netmask)
    if isinstance(network, ipaddress.IPv6Network) and network.prefixlen >= 96:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            version, first, mask = 4, int(mapped), mask & 0xFFFFFFFF
    return version, first, mask


def _address(text: str) -> tuple[int, int] | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.version, int(address)


def _needed(text: str, value: _Value | None, right: str) -> _Value:
    if value is None:
        raise ValueInvalid(f"{_quoted(text)} is not {right}")
    return value


def _quoted(text: str) -> str:
    return f"`{text}`" if len(text) <= _QUOTED else f"`{text[:_QUOTED]}…`"
