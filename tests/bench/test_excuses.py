"""A declared disturbance explains its own consequences, and nothing that merely looks alike or comes later."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from harness import bus_contract
from harness.bench import Bench, Blueprint, Silence, UnknownFrame, WrongCrc
from harness.bench.disturb import Disturbance
from harness.errors import IntegrityError
from harness.frames import Frame, Received
from harness.monitors.monitor import Violation
from harness.units import ms

Change = Callable[[bytes, "int | None"], "bytes | None"]


@pytest.fixture
def loose(lamp_blueprint: Blueprint) -> Bench:
    """A right lamp, in a world that nobody checks at the end."""
    return Bench(lamp_blueprint)


def fault(bench: Bench, message: str, change: Change, count: int = 1) -> None:
    """What nobody declares: the next frames of a message are changed, or (None) left out."""
    left = [count]

    def tamper(data: bytes, counter: int | None) -> bytes | None:
        left[0] -= 1
        return change(data, counter) if left[0] >= 0 else data

    bench.world.tx(message).tamper = tamper


def test_a_wrong_frame_explains_no_second_one_of_the_same_bytes(loose: Bench) -> None:
    seen: list[Received] = []
    loose.wait(100 * ms)
    loose.world.channels["can"].bus.observe(seen.append, keys=[loose.world.tx("Pedals").key])
    with loose.disturb(WrongCrc("Pedals", count=1)):
        loose.wait(50 * ms)
    wrong = seen[0].frame.data
    fault(loose, "Pedals", lambda data, counter: wrong)
    with pytest.raises(IntegrityError, match="wrong checksum"):
        loose.wait(100 * ms)


def test_an_unknown_frame_explains_no_second_one(loose: Bench) -> None:
    frame = Frame(0x7, bytes(8))
    with loose.disturb(UnknownFrame("can", frame)):
        loose.wait(50 * ms)
    loose.world.tester("can").send(frame)
    with pytest.raises(IntegrityError, match="0x007"):
        loose.wait(50 * ms)


def test_a_frame_that_was_made_wrong_is_not_thereby_late(loose: Bench) -> None:
    seen: list[Received] = []
    with loose.disturb(WrongCrc("Pedals", count=1)):
        loose.world.channels["can"].bus.observe(seen.append, keys=[loose.world.tx("Pedals").key])
        loose.wait(15 * ms)
    rx = seen[0]
    wrong = Violation(
        "crc", "checksum of Pedals", rx.time, 0, rx.time, "", "", channel="can", message="Pedals", seen=rx
    )
    assert loose.excuses.until(wrong) is not None
    assert loose.excuses.until(replace(wrong, kind="cycle")) is None


@pytest.mark.parametrize(
    "disturbance", [lambda: UnknownFrame("can", Frame(0x7, bytes(8))), lambda: Silence("Lamps", count=2)]
)
def test_a_disturbance_that_is_used_up_explains_nothing_more(
    loose: Bench, disturbance: Callable[[], Disturbance]
) -> None:
    with loose.watch(bus_contract()):
        loose.wait(100 * ms)
        with loose.disturb(disturbance()):
            loose.wait(300 * ms)
            loose.world.tx("Lamps").tamper = lambda data, counter: None
            with pytest.raises(IntegrityError, match="cycle time of Lamps"):
                loose.wait(300 * ms)
            loose.world.tx("Lamps").tamper = None


def test_a_switch_that_takes_a_moment_explains_what_comes_meanwhile(loose: Bench) -> None:
    loose.wait(100 * ms)

    def found(start: int, time: int) -> int | None:
        return loose.excuses.until(
            Violation("counter", "counter of Pedals", time, start, time, "", "", channel="can", message="Pedals")
        )

    start = int(loose.now)
    loose.excuses.switching("PEDAL")
    loose.wait(15 * ms)
    assert found(start, int(loose.now)) == int(loose.now), "an old frame came after the switch was asked for"
    loose.excuses.switch("PEDAL")
    loose.wait(15 * ms)
    assert found(int(loose.now) - 1_000_000, int(loose.now)) is None
