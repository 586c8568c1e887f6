"""Looking ahead is an optimisation: with it and without, a world is the same; and the same world is always the same."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from harness.bus.port import ErrorState
from harness.bus.simulated import SimBus
from harness.frames import EXTENDED, ErrorFrame, Frame, Received
from harness.loop import Loop

MS = 1_000_000
NODES = 4


class Cyclic(NamedTuple):
    """A message: its node, identifier, cycle and first time in ns, and how often it repeats its payload."""

    node: int
    key: int
    cycle: int
    start: int
    changes: bool


class Action(NamedTuple):
    """Something that happens once: see :func:`world`."""

    time: int
    kind: str
    node: int


class CountingLoop(Loop):
    posted = 0

    def post(self, *arguments: Any) -> None:
        self.posted += 1
        super().post(*arguments)


# Times of a coarse grid meet the ends of frames and each other; those of a fine one fall in between.
times = st.integers(0, 100).map(lambda number: number * 100_000) | st.integers(0, 10 * MS)
cyclic = st.builds(
    Cyclic,
    st.integers(0, NODES - 1),
    st.integers(0, 15) | st.integers(0, 15).map(lambda number: EXTENDED | number << 18),
    st.sampled_from([500_000, 700_001, 1 * MS, 2 * MS]),
    times,
    st.booleans(),
)
KINDS = ["answer", "bit", "crc", "ack", "off", "on", "restart", "clear", "burst", "wait"]
action = st.builds(Action, times, st.sampled_from(KINDS), st.integers(0, NODES - 1))


def world(messages: Sequence[Cyclic], actions: Sequence[Action], *, lookahead: bool, fd: bool = False) -> list[object]:
    """Ten milliseconds of a world, as everything that could be seen of it."""
    loop = CountingLoop()
    bus = SimBus(loop, "bus", data_bitrate=2_000_000 if fd else None, lookahead=lookahead)
    source = random.Random(1)
    nodes = [bus.attach(f"Node{index}", restart_after=index * MS or None) for index in range(NODES)]
    seen: list[object] = []
    bus.observe(seen.append)
    bus.observe_errors(seen.append)
    for node in nodes:
        node.on_state(lambda state, node=node: seen.append((loop.now, node.node, state)))  # type: ignore[misc]

    def start(message: Cyclic) -> None:
        def send() -> None:
            node = nodes[message.node]
            if node.powered:
                data = source.randbytes(8) if message.changes else b"\x01\x02\x03"
                extended = bool(message.key & EXTENDED)
                node.send(Frame(message.key & ~EXTENDED, data, extended, fd=fd, brs=fd), seen.append)

        loop.every(message.cycle, send, start=message.start)

    for message in messages:
        start(message)

    def act(what: Action) -> None:
        node = nodes[what.node]
        if what.kind == "answer":

            def answer(received: Received) -> None:
                if node.powered and len(received.frame.data) == 3:
                    node.send(Frame(0x400 + what.node, received.frame.data * 2))

            node.subscribe(answer)
        elif what.kind in ("bit", "crc", "ack"):
            bus.corrupt(kind=what.kind, count=1 + 20 * what.node)
        elif what.kind in ("on", "off"):
            node.power(what.kind == "on")
        elif what.kind == "restart":
            node.restart()
        elif what.kind == "clear":
            node.clear()
        elif node.powered:
            for number in range(5):
                node.send(Frame(0x500 + number, bytes([what.node])))

    waits = sorted(what.time for what in actions if what.kind == "wait")
    for what in actions:
        if what.kind != "wait":
            loop.at(what.time, lambda what=what: act(what))  # type: ignore[misc]
    for time in waits:  # the test waits, acts, waits for a frame, acts
        loop.run_until(max(time, loop.now))
        act(Action(loop.now, "burst", 0))
        count = len(seen)
        loop.run_until(loop.now + MS, stop=lambda count=count: len(seen) > count)  # type: ignore[misc]
        act(Action(loop.now, "burst", 1))
    loop.run_until(max(loop.now, 10 * MS))
    seen += [(node.tec, node.rec, node.state, node.queued, node.dropped) for node in nodes]
    seen += [bus.load(5 * MS), bus.busy_ns]
    if not actions:
        seen.append(loop.posted)
    return seen


@settings(max_examples=200)
@given(st.lists(cyclic, max_size=8), st.lists(action, max_size=8), st.booleans())
def test_lookahead_changes_nothing(messages: list[Cyclic], actions: list[Action], fd: bool) -> None:
    actions = actions or [Action(0, "clear", 0)]
    assert world(messages, actions, lookahead=True, fd=fd) == world(messages, actions, lookahead=False, fd=fd)


def test_lookahead_saves_an_event_for_every_frame_that_waited() -> None:
    messages = [Cyclic(index % NODES, index, 2 * MS, 0, True) for index in range(5)]
    *with_it, fewer = world(messages, [], lookahead=True)
    *without, more = world(messages, [], lookahead=False)
    assert with_it == without
    frames = sum(isinstance(one, Received) for one in with_it) // 2
    assert isinstance(fewer, int)
    assert isinstance(more, int)
    assert more - fewer > frames * 0.6


@settings(max_examples=20)
@given(st.lists(cyclic, min_size=1, max_size=8), st.lists(action, min_size=1, max_size=8))
def test_same_world_twice_is_the_same(messages: list[Cyclic], actions: list[Action]) -> None:
    assert world(messages, actions, lookahead=True) == world(messages, actions, lookahead=True)


def test_such_worlds_reach_what_they_are_to_reach() -> None:
    """The property above would be empty if its worlds never got into trouble."""
    messages = [Cyclic(index, index, 500_000, 0, True) for index in range(NODES)]
    actions = [Action(MS, "bit", 3), Action(2 * MS, "answer", 1), Action(3 * MS, "off", 2), Action(4 * MS, "on", 2)]
    seen = world(messages, actions, lookahead=True)
    assert sum(isinstance(one, ErrorFrame) for one in seen) > 40
    assert any(isinstance(one, tuple) and ErrorState.PASSIVE in one for one in seen)
    assert sum(isinstance(one, Received) for one in seen) > 30
