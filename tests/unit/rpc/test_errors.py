"""Statuses are small enough for every client."""

from __future__ import annotations

import base64
from urllib.parse import quote

import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from clarion.v1 import error_pb2
from clarion_server.errors import FieldViolation, RequestInvalid
from clarion_server.rpc.errors import status_of

UNKNOWN = error_pb2.ERROR_REASON_FIELD_UNKNOWN
EIGHT_KIB = 8 * 1024


def refused(count: int, path: str, message: str) -> RequestInvalid:
    """Return an error with as many violations, each with its number in its path."""
    return RequestInvalid([FieldViolation(f"f[{number}]{path}", UNKNOWN, message) for number in range(count)])


def violations_of(error: RequestInvalid) -> list[error_details_pb2.BadRequest.FieldViolation]:
    """Return the violations in the error's status."""
    details = error_details_pb2.BadRequest()
    assert any(detail.Unpack(details) for detail in status_of(error).details)
    return list(details.field_violations)


@pytest.mark.parametrize("count", [1, 2, 20, 1000])
@pytest.mark.parametrize("text", ["x", "%", "é", "中", "🎈", "\n"])
@pytest.mark.parametrize("length", [1, 100, 499, 500, 501, 100_000])
def test_trailers_stay_below_8_kib(count: int, text: str, length: int) -> None:
    """However many violations, however long and odd their texts: the trailers have less than 8 KiB.

    Counted as clients do (RFC 9113, 6.5.2: each field's name and value, and 32 bytes), in gRPC's encodings.
    """
    status = status_of(refused(count, text * length, text * length))
    assert len(status.message) <= 500
    printable = "".join(map(chr, range(0x20, 0x7F))).replace("%", "")
    fields = {
        "grpc-status": "3",
        "grpc-message": quote(status.message, safe=printable),
        "content-type": "application/grpc",
    }
    for name, value in rpc_status.to_status(status).trailing_metadata:
        assert isinstance(value, bytes)
        fields[name] = base64.b64encode(value).decode()
    assert len(fields) == 4
    assert sum(len(name) + len(value) + 32 for name, value in fields.items()) < EIGHT_KIB


def test_violations_that_fit_are_all_told() -> None:
    """Some violations are told as they are, and nothing is said of more."""
    told = violations_of(refused(20, "", "is wrong"))
    assert [each.field for each in told] == [f"f[{number}]" for number in range(20)]
    assert {each.description for each in told} == {"is wrong"}


def test_violations_that_do_not_fit_are_counted() -> None:
    """The last of very many violations has the path and reason of the first that is left out, and counts them."""
    told = violations_of(refused(1000, "", "is wrong"))
    last = told[-1]
    assert 20 < len(told) < 1000
    assert [each.field for each in told] == [f"f[{number}]" for number in range(len(told))]
    assert last.description.startswith(f"and {1000 - len(told) + 1} more")
    assert last.reason == "ERROR_REASON_FIELD_UNKNOWN"
