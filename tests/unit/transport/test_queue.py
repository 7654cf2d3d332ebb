"""What waits for a connection: flows take turns, and leave each other a part of the streams."""

from __future__ import annotations

from clarion_server.transport import Exchange, Flow
from clarion_server.transport.queue import FairQueue


def exchanges(flow: Flow, count: int) -> list[Exchange]:
    """Return exchanges of a flow."""
    return [Exchange((), b"", 0.0, flow=flow) for _ in range(count)]


def test_one_flow_is_first_in_first_out() -> None:
    """A flow that is alone keeps its order, and may have every stream."""
    queue, flow = FairQueue(), Flow()
    given = exchanges(flow, 30)
    for exchange in given:
        queue.append(exchange)
    queue.share(10)
    assert queue.take(100) == given
    assert (len(queue), queue.waiting) == (0, 0)


def test_flows_take_turns() -> None:
    """However long one flow's queue is, another one's exchanges go out among its first."""
    queue, long, short = FairQueue(), Flow(), Flow()
    for exchange in (*exchanges(long, 1000), *exchanges(short, 20)):
        queue.append(exchange)
    first = queue.take(60)
    assert sum(exchange.flow is short for exchange in first) == 20
    assert len(queue) == queue.waiting == 960


def test_returned_ones_go_first() -> None:
    """What comes back unprocessed is the first of its flow again."""
    queue, flow = FairQueue(), Flow()
    given = exchanges(flow, 3)
    for exchange in given[1:]:
        queue.append(exchange)
    queue.appendleft(given[0])
    assert queue.take(3) == given


def test_flow_that_holds_its_share_is_passed_over() -> None:
    """A flow whose answers do not come cannot take the last quarter of the streams, which others then find free."""
    queue, hog, other = FairQueue(), Flow(), Flow()
    queue.append(exchanges(other, 1)[0])
    assert len(queue.take(1)) == 1
    queue.release(other)
    for exchange in exchanges(hog, 500):
        queue.append(exchange)
    queue.share(100)
    held = queue.take(100)
    assert len(held) == 75
    assert (len(queue), queue.waiting) == (0, 425), "what waits is not offered, nor lost"
    late, returned = exchanges(hog, 2)
    queue.append(late)
    queue.appendleft(returned)
    assert (len(queue), queue.waiting) == (0, 427), "nor is what joins it"
    for exchange in exchanges(other, 10):
        queue.append(exchange)
    assert {exchange.flow for exchange in queue.take(25)} == {other}
    queue.release(hog)
    assert len(queue) == 427
    assert queue.take(25) == [returned], "one stream came free, one goes out"
    queue.share(200)
    assert len(queue.take(200)) == 75, "more streams, larger shares"
    assert len(queue.clear()) == 427 - 76
    assert queue.waiting == 0
