"""Disturbances: declared ones are exempt, exactly; undeclared ones, and those without effect, are red."""

from __future__ import annotations

import pytest

from harness.bench import Bench, BitFault, Blueprint, Silence, UnknownFrame, WrongCounter, WrongCrc, WrongLength
from harness.bus.port import ErrorState
from harness.errors import ConfigError, HarnessError, IntegrityError, SignalError, UnknownSignalError
from harness.frames import Frame
from harness.units import ms, s, us


@pytest.mark.parametrize(
    "disturbance",
    [
        WrongCrc("Pedals", count=3),
        WrongCounter("Pedals", count=3),
        WrongCounter("Pedals", offset=4, count=1),
        WrongLength("Pedals", 2, count=1),
        WrongLength("Lamps", 8, count=1),
        Silence("Pedals", count=5),
        UnknownFrame("can", Frame(0x7AB, b"\x01")),
    ],
    ids=lambda each: each.title,
)
def test_a_declared_disturbance_is_exempt_and_reaches_the_bus(lamp: Bench, disturbance: object) -> None:
    lamp.wait(100 * ms)
    with lamp.disturb(disturbance):  # type: ignore[arg-type]
        lamp.wait(100 * ms)
    lamp.wait(1 * s)
    assert lamp.incidents.raised == []


@pytest.mark.parametrize(
    "disturbance",
    [
        WrongCrc("Pedals"),
        WrongCounter("Pedals"),
        WrongLength("Pedals", 2),
        WrongLength("Lamps", 8),
        UnknownFrame("can", Frame(0x7AB)),
    ],
    ids=lambda each: each.title,
)
def test_the_same_undeclared_is_red(lamp_blueprint: Blueprint, disturbance: object) -> None:
    with (
        pytest.raises(IntegrityError, match="If the test does this on purpose, declare it"),
        Bench(lamp_blueprint) as lamp,
    ):
        lamp.wait(100 * ms)
        disturbance.begin(lamp.world)  # type: ignore[attr-defined]
        lamp.wait(1 * s)


@pytest.mark.parametrize("offset", [-1, 3])
def test_every_wrong_counter_is_one_more_error_for_a_receiver(lamp: Bench, offset: int) -> None:
    lamp.wait(100 * ms)
    ecu = lamp.world.nodes["LAMP"].ecu
    assert ecu is not None
    with lamp.disturb(WrongCounter("Pedals", offset=offset, count=3)):
        lamp.wait(30 * ms)
        assert ecu.rx("Pedals").errors == 3


def test_a_disturbance_does_not_excuse_another_fault(lamp_blueprint: Blueprint) -> None:
    with pytest.raises(IntegrityError, match="0x7AB"), Bench(lamp_blueprint) as lamp, lamp.disturb(WrongCrc("Pedals")):
        lamp.wait(100 * ms)
        lamp.send("can", Frame(0x7AB))
        lamp.wait(1 * s)


def test_a_disturbance_that_never_took_effect_is_red(lamp_blueprint: Blueprint) -> None:
    lamp = Bench(lamp_blueprint)
    with pytest.raises(IntegrityError, match="touched 0 of 3 frames"), lamp.disturb(WrongCrc("Pedals", count=3)):
        pass
    with pytest.raises(IntegrityError, match="touched 0 of 3 frames"):
        lamp.check()


def test_it_ends_with_the_block(lamp: Bench) -> None:
    lamp.wait(100 * ms)
    with lamp.disturb(Silence("PEDAL")):
        lamp.wait(5 * ms)
        lamp.silent("Pedals", during=100 * ms)
    lamp.expect(lamp.signal("BrakePedal").received(), within=10 * ms)


def test_bit_faults_drive_a_node_to_bus_off_and_it_comes_back(lamp: Bench) -> None:
    lamp.wait(100 * ms)
    with lamp.disturb(BitFault("LAMP", count=32)):
        lamp.wait(60 * ms)
        assert lamp.node("LAMP").error_state("can") is ErrorState.BUS_OFF
    lamp.wait(300 * ms)
    assert lamp.node("LAMP").error_state("can") is not ErrorState.BUS_OFF
    lamp.expect(lamp.signal("BrakeLamp").received(), within=50 * ms)


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: WrongCrc("Pedals", count=0), SignalError),
        (lambda: WrongCounter("Pedals", offset=0), SignalError),
        (lambda: WrongCounter("Pedals", offset=-30), SignalError),
        (lambda: WrongLength("Pedals", 4), SignalError),
        (lambda: WrongLength("Pedals", -1), SignalError),
        (lambda: UnknownFrame("can", Frame(160, bytes(4))), SignalError),
        (lambda: WrongCrc("Lamps"), SignalError),
        (lambda: WrongCrc("Pedalz"), UnknownSignalError),
        (lambda: Silence("NOBODY"), UnknownSignalError),
        (lambda: UnknownFrame("cna", Frame(0x7AB)), ConfigError),
        (lambda: UnknownFrame("can", Frame(0x7AB), count=3), SignalError),
        (lambda: UnknownFrame("can", Frame(0x7AB, bytes(9))), HarnessError),
    ],
)
def test_disturbances_that_make_no_sense(lamp: Bench, make: object, error: type[Exception]) -> None:
    with pytest.raises(error), lamp.disturb(make()):  # type: ignore[operator]
        pass
    lamp.incidents.raised.clear()


def test_a_disturbance_serves_once(lamp: Bench) -> None:
    twice = WrongCrc("Pedals", count=1)
    lamp.wait(100 * ms)
    with lamp.disturb(twice):
        lamp.wait(20 * ms)
    # Its count is used up: a second time it would do nothing, and nobody would notice.
    with pytest.raises(SignalError, match="serves once; make a new one"), lamp.disturb(twice):
        pass


def test_a_disturbance_that_cannot_begin_leaves_nothing_behind(lamp: Bench) -> None:
    lamp.wait(100 * ms)
    with lamp.disturb(WrongCrc("Pedals")):
        with pytest.raises(SignalError, match="disturbed already"), lamp.disturb(Silence("PEDAL")):
            pass
        assert lamp.world.tx("Switch").tamper is None
        lamp.wait(20 * ms)


def test_one_message_takes_one_disturbance_at_a_time(lamp: Bench) -> None:
    lamp.wait(100 * ms)
    with lamp.disturb(WrongCrc("Pedals")):
        with pytest.raises(SignalError, match="disturbed already"), lamp.disturb(Silence("Pedals")):
            pass
        lamp.wait(20 * ms)


@pytest.mark.parametrize("handling", ["collect", "ignore"])
def test_the_policy_decides(lamp_blueprint: Blueprint, handling: str) -> None:
    with Bench(lamp_blueprint) as lamp:
        lamp.set_policy(unknown_frame=handling)  # type: ignore[arg-type]
        lamp.send("can", Frame(0x7AB))
        lamp.wait(10 * ms)
        assert len(lamp.incidents.collected) == (handling == "collect")


def test_frames_that_wait_for_the_bus_count_too(lamp: Bench) -> None:
    with lamp.disturb(disturbance := UnknownFrame("can", Frame(0x7AB, bytes(8)), period=10 * us, count=3)):
        lamp.wait(100 * ms)
    assert disturbance.hits == 3
