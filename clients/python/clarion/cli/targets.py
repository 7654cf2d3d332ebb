"""Reads targets from a file or standard input.

Each line is one target, in one of three forms: an address, `CHANNEL,address`, or the JSON of a `clarion.v1.Target`.
Empty lines and a CSV header `channel,address` are passed over. Errors name the line and never quote the address.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from clarion.messages import channel_type, target_from_json
from clarion.v1.channel_pb2 import ChannelType
from clarion.v1.messaging_pb2 import Target

STDIN = Path("-")
_STDIN_DESCRIPTOR = 0
_HEADER = ("channel", "address")


class TargetsError(ValueError):
    """The targets cannot be read; the text says where and why."""


class TargetSource:
    """Targets from wherever they come, counted while they are read.

    Args:
        targets: those that are known already.
        file: where more are, line by line; `STDIN` for standard input.
        channel: channel type of the lines that name none.

    Attributes:
        total: how many there are; None while that is not known.
    """

    def __init__(self, targets: Sequence[Target], file: Path | None, channel: ChannelType | None) -> None:
        self._targets = targets
        self._file = file
        self._channel = channel
        self.total: int | None = len(targets) if file is None else None

    def check(self) -> None:
        """Read a file through once, so that a bad line is found before anything is sent. Standard input cannot be.

        Raises:
            TargetsError: a line is none of the three forms, or the file cannot be read.
        """
        if self._file is None or not self._file.is_file():
            return
        self.total = sum(1 for _ in self)

    def __iter__(self) -> Iterator[Target]:
        count = 0
        for count, target in enumerate(self._read(), start=1):  # noqa: B007 (used after the loop)
            yield target
        self.total = count

    def _read(self) -> Iterator[Target]:
        yield from self._targets
        if self._file is None:
            return
        # Standard input is opened anew: the interpreter cannot close a sys.stdin that another thread still reads,
        # which happens after Ctrl-C.
        source: Path | int = _STDIN_DESCRIPTOR if self._file == STDIN else self._file
        try:
            with open(source, encoding="utf-8-sig", closefd=source != _STDIN_DESCRIPTOR) as lines:
                yield from parse_lines(lines, self._channel)
        except OSError as error:
            raise TargetsError(f"{self._file}: {error.strerror}") from None


def parse_lines(lines: Iterable[str], channel: ChannelType | None) -> Iterator[Target]:
    """Yield the target of each line.

    Args:
        lines: the text.
        channel: channel type of the lines that name none.

    Raises:
        TargetsError: a line is none of the three forms.
    """
    number = 0
    try:
        for number, line in enumerate(lines, start=1):  # noqa: B007 (used by the errors)
            text = line.strip()
            if text and not _is_header(text):
                yield _parse(text, channel)
    except UnicodeDecodeError:
        raise TargetsError(f"line {number + 1} or a little later: not UTF-8 text") from None
    except ValueError as error:
        raise TargetsError(f"line {number}: {error}") from None


def _is_header(text: str) -> bool:
    return tuple(cell.strip().lower() for cell in text.split(",")) == _HEADER


def _parse(text: str, channel: ChannelType | None) -> Target:
    if text.startswith("{"):
        try:
            target = target_from_json(text)
        except ValueError:
            # The parser's own message may quote the line.
            raise ValueError("not the JSON of a clarion.v1.Target, such as " + _EXAMPLE) from None
        if not target.channel_type and channel is not None:
            target.channel_type = channel
        return target
    name, comma, address = text.partition(",")
    if comma:
        try:
            return Target(address=address.strip(), channel_type=channel_type(name))
        except ValueError:
            raise ValueError("not `CHANNEL,address`, such as `APNS,9f86d081…`") from None
    if channel is None:
        raise ValueError("names no channel; give --channel, or write `CHANNEL,address`")
    return Target(address=text, channel_type=channel)


_EXAMPLE = '{"address": "9f86d081…", "channelType": "CHANNEL_TYPE_APNS"}'
