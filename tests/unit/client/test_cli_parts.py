from __future__ import annotations

import re
from pathlib import Path

import pytest

from clarion.cli.hints import HINTS
from clarion.cli.render import short_address
from clarion.cli.results import FEW, Tally, plain_line
from clarion.cli.targets import TargetsError, TargetSource, parse_lines
from clarion.v1 import channel_pb2, error_pb2, messaging_pb2
from clarion.v1.messaging_pb2 import Result, Target

ERRORS = Path(__file__).parents[3] / "protos" / "clarion" / "v1" / "error.proto"


def test_every_reason_of_a_target_has_a_hint() -> None:
    """Whatever the API says may be a target's reason, the summary says what helps."""
    text = ERRORS.read_text()
    blocks = re.findall(r"((?:  //[^\n]*\n)+)  (ERROR_REASON_\w+) =", text)
    of_targets = {name for comment, name in blocks if re.search(r"Where:.*\btarget\b", comment.replace("\n  //", ""))}
    assert len(of_targets) > 20
    missing = {name for name in of_targets if error_pb2.ErrorReason.Value(name) not in HINTS}
    assert not missing


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("ab12ab12", "names no channel"),
        ("PIGEON,ab12ab12", "CHANNEL,address"),
        ('{"adress": "ab12ab12"}', "JSON of a clarion.v1.Target"),
        ('{"address": "ab12ab12"', "JSON of a clarion.v1.Target"),
    ],
)
def test_a_bad_line_is_named_without_its_address(line: str, told: str) -> None:
    """Errors go to terminals and logs, where addresses do not belong."""
    with pytest.raises(TargetsError, match="line 2") as caught:
        list(parse_lines(["APNS,00", line], None))
    assert told in str(caught.value)
    assert "ab12ab12" not in str(caught.value)


def test_a_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    """A binary file is an error of the line, not a crash."""
    file = tmp_path / "targets"
    file.write_bytes(b"APNS,00\n\xff\xfe\n")
    with pytest.raises(TargetsError, match="not UTF-8"):
        TargetSource([], file, None).check()


def test_a_source_knows_its_total_once_it_is_read(tmp_path: Path) -> None:
    """Targets of options and of a file add up; a checked file is counted beforehand."""
    file = tmp_path / "targets"
    file.write_text("APNS,00\n\nFCM,x\n")
    first = [Target(address="y", channel_type="CHANNEL_TYPE_ADM")]
    assert TargetSource(first, file, None).total is None
    source = TargetSource(first, file, None)
    source.check()
    assert source.total == 3
    assert [target.address for target in source] == ["y", "00", "x"]


def test_short_addresses_keep_both_ends() -> None:
    """Short ones stay whole, long ones are recognisable by beginning and end."""
    assert short_address("sim-ok-000042") == "sim-ok-000042"
    assert short_address("a" * 30 + "b" * 30) == "aaaaaaaaa…bbbbbb"


def test_the_tally_keeps_all_of_few_and_an_example_of_many() -> None:
    """Up to 20 results are shown one by one; of more, the first of each kind of failure."""
    tally = Tally()
    for index in reversed(range(FEW)):
        tally.add(_result(index))
    assert [result.index for result in tally.samples] == list(range(FEW))
    for index in (90, 91, 80):
        tally.add(_result(index, failed=True))
    assert [result.index for result in tally.samples] == [90]
    assert (tally.total, tally.successful) == (FEW + 3, FEW)


def test_a_line_has_six_fields_whatever_the_texts_hold() -> None:
    """Tabs and line ends within a text do not break the line that scripts read."""
    result = _result(1, failed=True)
    result.status_message = "two\tparts\nand lines"
    assert plain_line(result) == "1\tPERMANENT_FAILURE\tADDRESS_INVALID\tAPNS\t00\ttwo parts and lines"


def _result(index: int, *, failed: bool = False) -> Result:
    result = Result(index=index, address="00", channel_type=channel_pb2.CHANNEL_TYPE_APNS)
    if failed:
        result.delivery_status = messaging_pb2.DELIVERY_STATUS_PERMANENT_FAILURE
        result.reason = error_pb2.ERROR_REASON_ADDRESS_INVALID
    else:
        result.delivery_status = messaging_pb2.DELIVERY_STATUS_SUCCESSFUL
    return result
