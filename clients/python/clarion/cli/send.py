"""`clarion send` and `clarion preview`."""

from __future__ import annotations

import json
import os
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TextIO

import typer
from rich.text import Text

from clarion.cli.exits import Exit, exit_code, say
from clarion.cli.render import to_json
from clarion.cli.results import LiveCounts, Tally, plain_line, reason_name, results_table, summary_table
from clarion.cli.session import Output, Session, bad_usage, session
from clarion.cli.targets import STDIN, TargetsError, TargetSource
from clarion.client import Send
from clarion.errors import ClarionError
from clarion.messages import channel_type, enum_name, message, request_from_json, target
from clarion.v1 import channel_pb2
from clarion.v1.messaging_pb2 import Preview, SendMessagesRequest


@dataclass(frozen=True, slots=True)
class _Call:
    request: SendMessagesRequest
    targets: TargetSource


_App = Annotated[str | None, typer.Option("--app", metavar="APP_ID", help="Id of the app.")]
_Channel = Annotated[
    str | None, typer.Option("--channel", help="Type of the channel, such as APNS or FCM, of targets that name none.")
]
_Title = Annotated[str | None, typer.Option(help="Text above the body.")]
_Body = Annotated[str | None, typer.Option(help="Text of the notification.")]
_To = Annotated[list[str] | None, typer.Option("--to", metavar="ADDRESS", help="An address; may be repeated.")]
_Targets = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="File of targets, - for standard input. A line is an address, or `CHANNEL,address`, "
        "or the JSON of a clarion.v1.Target.",
    ),
]
_Request = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="JSON of a clarion.v1.SendMessagesRequest. --app replaces its app, --to and --targets its targets.",
    ),
]
_TraceId = Annotated[str | None, typer.Option(help="For finding the call again.")]


def send(
    context: typer.Context,
    *,
    app: _App = None,
    channel: _Channel = None,
    title: _Title = None,
    body: _Body = None,
    to: _To = None,
    targets: _Targets = None,
    request: _Request = None,
    results: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write every result into this file, one JSON object a line.")
    ] = None,
    trace_id: _TraceId = None,
    timeout: Annotated[float | None, typer.Option(metavar="SECONDS", help="Limit for the whole call.")] = None,
    send_timeout: Annotated[float | None, typer.Option(metavar="SECONDS", help="Limit for one target.")] = None,
    repeat_ambiguous: Annotated[
        bool, typer.Option("--repeat-ambiguous", help="Also repeat what may have been delivered already.")
    ] = False,
    max_attempts: Annotated[
        int | None, typer.Option(metavar="N", help="Tries of one target in all; 1: nothing is repeated. Default: 3.")
    ] = None,
    max_wait: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="Longest pause before a repeat. Default: --send-timeout.")
    ] = None,
) -> None:
    """Send a message to any number of devices.

    Into a pipe, and with --output json, every result is one line on standard output. Exit code: 0 all accepted,
    1 some not, 2 wrong usage or request, 3 the call failed, 130 interrupted.
    """
    current = session(context)
    call = _call(app=app, channel=channel, title=title, body=body, to=to, targets=targets, request=request)
    start = call.request.start
    with ExitStack() as stack:
        file: TextIO | None = None
        if results is not None:
            with bad_usage("--results"):
                file = stack.enter_context(results.open("w", encoding="utf-8"))
        client = stack.enter_context(current.client())
        policy = start.options.retry_policy
        if max_attempts is None and policy.HasField("max_attempts"):
            max_attempts = policy.max_attempts
        if max_wait is None and policy.HasField("max_wait"):
            max_wait = policy.max_wait.ToTimedelta().total_seconds()
        sending = client.send(
            start.app_id,
            start.message,
            call.targets,
            context=start.context,
            trace_id=start.trace_id if trace_id is None else trace_id,
            timeout=timeout,
            send_timeout=_send_timeout(start_options=call.request, given=send_timeout),
            repeat_ambiguous=repeat_ambiguous or policy.repeat_ambiguous,
            max_attempts=max_attempts,
            max_wait=max_wait,
        )
        raise typer.Exit(_run(current, sending, call.targets, file))


def preview(
    context: typer.Context,
    *,
    app: _App = None,
    channel: _Channel = None,
    title: _Title = None,
    body: _Body = None,
    to: _To = None,
    targets: _Targets = None,
    request: _Request = None,
    trace_id: _TraceId = None,
) -> None:
    """Show the exact request that each device's provider would get, without sending it. At most 100 targets."""
    current = session(context)
    call = _call(app=app, channel=channel, title=title, body=body, to=to, targets=targets, request=request)
    start = call.request.start
    with current.client() as client, bad_usage("--targets"):
        previews = client.preview(
            start.app_id,
            start.message,
            call.targets,
            context=start.context,
            trace_id=start.trace_id if trace_id is None else trace_id,
        )
    for item in previews:
        if current.output is Output.JSON:
            print(to_json(item))
        else:
            _print_preview(current, item)
    if any(item.HasField("failure") for item in previews):
        raise typer.Exit(Exit.SOME_FAILED)


def _call(
    *,
    app: str | None,
    channel: str | None,
    title: str | None,
    body: str | None,
    to: list[str] | None,
    targets: Path | None,
    request: Path | None,
) -> _Call:
    """Put a call together from the options; typer.BadParameter names the option that is wrong."""
    channel_of_targets = None
    if channel is not None:
        with bad_usage("--channel"):
            channel_of_targets = channel_type(channel)
    if request is None:
        if title is None and body is None:
            raise typer.BadParameter("give --title, --body, or both; or --request", param_hint="--title, --body")
        result = SendMessagesRequest()
        result.start.message.CopyFrom(message(title=title, body=body))
    else:
        if title is not None or body is not None:
            raise typer.BadParameter("holds the message: leave out --title and --body", param_hint="--request")
        with bad_usage("--request"):
            result = request_from_json(request.read_text(encoding="utf-8"))
    if app is not None:
        result.start.app_id = app
    if not result.start.app_id:
        raise typer.BadParameter("is missing; clarion apps list shows the ids", param_hint="--app")
    if to and channel_of_targets is None:
        raise typer.BadParameter("needs --channel beside it", param_hint="--to")
    given = [target(address, channel_of_targets) for address in to or [] if channel_of_targets is not None]
    if not given and targets is None:
        given = list(result.targets)
    if not given and targets is None:
        raise typer.BadParameter("to whom? Give --to, --targets, or targets in --request", param_hint="--to")
    source = TargetSource(given, targets, channel_of_targets)
    with bad_usage("--targets"):
        if targets is not None and targets != STDIN and not targets.exists():
            raise ValueError(f"{targets}: there is no such file")
        source.check()
    return _Call(result, source)


def _send_timeout(*, start_options: SendMessagesRequest, given: float | None) -> float | None:
    options = start_options.start.options
    if given is not None or not options.HasField("send_timeout"):
        return given
    return options.send_timeout.ToTimedelta().total_seconds()


def _run(current: Session, sending: Send, targets: TargetSource, file: TextIO | None) -> Exit:
    """Send, print, and return the exit code."""
    tally = Tally()
    # On a terminal a line for each of thousands of results helps nobody.
    lines = None if current.people is current.out else sys.stdout
    as_json = current.output is Output.JSON
    code, trouble = Exit.DONE, ""
    try:
        with LiveCounts(current.err, tally, lambda: targets.total) as live:
            for result in sending:
                tally.add(result)
                if file is not None:
                    file.write(to_json(result) + "\n")
                if lines is not None:
                    lines.write((to_json(result) if as_json else plain_line(result)) + "\n")
                live.tick()
        if lines is not None:
            lines.flush()
    except KeyboardInterrupt:
        code, trouble = Exit.INTERRUPTED, "interrupted"
    except BrokenPipeError:
        # Who read the results has left. What is still buffered must not fail again when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code, trouble = Exit.CALL_FAILED, "standard output was closed"
    except TargetsError as error:
        code, trouble = Exit.BAD_REQUEST, f"--targets: {error}"
    except ClarionError as error:
        if not tally.total:
            raise
        code, trouble = exit_code(error), str(error)
    finally:
        sending.cancel()
    if code is Exit.DONE and tally.successful != tally.total:
        code = Exit.SOME_FAILED
    _print_end(current, tally, targets, trouble)
    return code


def _print_end(current: Session, tally: Tally, targets: TargetSource, trouble: str) -> None:
    console = current.people
    if tally.total:
        if console is current.out and tally.samples:
            console.print(results_table(tally))
        console.print(summary_table(tally))
    total = "" if targets.total is None else f" of {targets.total:,}"
    if trouble:
        say(current.err, f"{trouble}; the call is cancelled")
        current.err.print(
            f"{tally.total:,}{total} targets have a result; the others may or may not have been sent to.",
            soft_wrap=True,
        )
    else:
        console.print(Text(f"{tally.successful:,} of {tally.total:,} accepted", style="bold"))


def _print_preview(current: Session, item: Preview) -> None:
    title = f"#{item.index} {enum_name(channel_pb2.ChannelType, item.channel_type)}"
    if item.HasField("payload_size"):
        title += f": {item.payload_size:,} of {item.payload_limit:,} bytes"
    lines = [Text(title, style="bold")]
    if item.HasField("failure"):
        lines.append(Text(f"{reason_name(item.failure.reason)}: {item.failure.message}", style="red"))
    else:
        request = item.request
        lines.append(Text(f"{request.method} {request.url}"))
        lines += [Text(f"{header.name}: {header.value}") for header in request.headers]
        lines.append(Text(f"\n{_indented(request.body)}"))
    # Lines are not wrapped: they can be copied and piped as they are.
    current.out.print(*lines, "", sep="\n", soft_wrap=True)


def _indented(body: str) -> str:
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except ValueError:
        return body
