"""Response times on the simulated bus against schedulability analysis.

R. I. Davis, A. Burns, R. J. Bril, J. J. Lukkien: Controller Area Network (CAN) schedulability analysis: Refuted,
revisited and revised. Real-Time Systems 35 (2007), with the message set of its section 3.4: the one by which the
analysis of Tindell and Burns (1994) is refuted, because the second instance of the lowest message is the late one.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.bus.length import frame_bits
from harness.bus.simulated import SimBus
from harness.frames import Frame
from harness.loop import Loop

BITRATE = 100_000
BIT = 10_000  # ns
MS = 1_000_000


class Message(NamedTuple):
    """A periodic message; all times in ns, the transmission time with the intermission, as in the paper."""

    name: str
    period: int
    published_response: int


# In the paper a transmission takes 1 ms: here 97 bits of 10 us and the intermission.
MESSAGES = [
    Message("A", 2_500_000, 2 * MS),
    Message("B", 3_500_000, 3 * MS),
    Message("C", 3_500_000, 3_500_000),
]
TRANSMISSION = 1 * MS


def frame_of_one_ms(identifier: int) -> Frame:
    for upper, lower in product(range(256), repeat=2):
        frame = Frame(identifier, bytes([upper, lower, 0x55, 0x55, 0x55, 0x55]))
        if frame_bits(frame).nominal + 3 == TRANSMISSION // BIT:
            return frame
    raise AssertionError("no payload gives the length")


FRAMES = [frame_of_one_ms(identifier) for identifier in (1, 2, 3)]


def analysed(index: int) -> int:
    """Worst-case response time, ns; equations 10 to 14 of the paper, without jitter."""
    message, higher = MESSAGES[index], MESSAGES[:index]
    blocking = TRANSMISSION if index + 1 < len(MESSAGES) else 0

    def ceil(time: int, period: int) -> int:
        return -(-time // period)

    busy, before = blocking + TRANSMISSION, 0
    while busy != before:
        before = busy
        busy = blocking + sum(ceil(before, each.period) * TRANSMISSION for each in (*higher, message))
    worst = 0
    for instance in range(ceil(busy, message.period)):
        queueing, before = blocking + instance * TRANSMISSION, -1
        while queueing != before:
            before = queueing
            interference = sum(ceil(before + BIT, each.period) * TRANSMISSION for each in higher)
            queueing = blocking + instance * TRANSMISSION + interference
        worst = max(worst, queueing - instance * message.period + TRANSMISSION)
    return worst


def simulated(offsets: Sequence[int], time: int = 40 * MS) -> list[int]:
    """The longest response times when the messages are first queued at ``offsets``, ns."""
    loop = Loop()
    bus = SimBus(loop, "bus", bitrate=BITRATE)
    worst = [0] * len(MESSAGES)

    def make_sender(index: int) -> None:
        port = bus.attach(MESSAGES[index].name)

        def queue() -> None:
            begin = loop.now

            def sent(_: object) -> None:
                worst[index] = max(worst[index], loop.now + 3 * BIT - begin)

            port.send(FRAMES[index], sent)

        loop.every(MESSAGES[index].period, queue, start=offsets[index])

    for index in range(len(MESSAGES)):
        make_sender(index)
    loop.run_until(time)
    return worst


@pytest.mark.parametrize("index", range(3))
def test_analysis_gives_what_the_paper_says(index: int) -> None:
    assert analysed(index) == MESSAGES[index].published_response


def test_lowest_message_has_its_worst_case_in_the_second_instance_after_the_critical_instant() -> None:
    assert simulated([0, 0, 0], 3 * MS)[2] == 3 * MS, "the first instance: what was thought to be the worst case"
    assert simulated([0, 0, 0])[2] == analysed(2)


def test_blocked_messages_meet_their_worst_cases_to_the_nanosecond() -> None:
    """The worst case is a lower message that began just before: one nanosecond here."""
    late = simulated([1, 1, 0], 4 * MS)
    assert late[0] == analysed(0) - 1
    assert late[1] == analysed(1) - 1


@given(st.tuples(*[st.integers(0, message.period - 1) for message in MESSAGES]))
def test_no_phasing_is_worse_than_the_analysis(offsets: tuple[int, ...]) -> None:
    worst = simulated(offsets)
    assert all(time <= analysed(index) for index, time in enumerate(worst))
    assert all(time >= TRANSMISSION for time in worst)
