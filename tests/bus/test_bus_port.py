"""The conformance suite against the simulated bus, classic and FD."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from conformance import PortConformance, Rig

from harness.bus.port import Port
from harness.bus.simulated import SimBus
from harness.errors import BusError
from harness.frames import Frame, Received
from harness.loop import Loop


@pytest.fixture(params=[None, 2_000_000], ids=["classic", "fd"])
def bus(request: pytest.FixtureRequest) -> SimBus:
    return SimBus(Loop(), "chassis", data_bitrate=request.param)


@pytest.fixture
def rig(bus: SimBus) -> Rig:
    return Rig(bus.attach("Left"), bus.attach("Right"), settle(bus))


def settle(bus: SimBus) -> Callable[[], object]:
    return lambda: bus.loop.run_until(bus.loop.now + 100_000_000)


class TestSimulatedBus(PortConformance):
    pass


def test_a_controller_is_a_port(bus: SimBus) -> None:
    port: Port = bus.attach("Left")
    assert (port.channel, port.node) == ("chassis", "Left")


def test_fd_frames_need_a_channel_that_speaks_fd(rig: Rig, bus: SimBus) -> None:
    received: list[Received] = []
    rig.right.subscribe(received.append)
    frame = Frame(0x123, bytes(64), fd=True, brs=True)
    if bus.data_bitrate is None:
        with pytest.raises(BusError, match="classic"):
            rig.left.send(frame)
    else:
        rig.left.send(frame)
    rig.settle()
    assert [one.frame for one in received] == ([] if bus.data_bitrate is None else [frame])


def test_tap_sees_the_frames_of_everybody(rig: Rig, bus: SimBus) -> None:
    seen: list[Received] = []
    cancel = bus.observe(seen.append)
    rig.left.send(Frame(1))
    rig.right.send(Frame(2))
    rig.settle()
    cancel()
    rig.left.send(Frame(3))
    rig.settle()
    assert [(one.frame.id, one.sender) for one in seen] == [(1, "Left"), (2, "Right")]


def test_subscription_cancelled_by_an_earlier_subscriber_misses_the_same_frame(rig: Rig) -> None:
    received: list[Received] = []
    rig.right.subscribe(lambda _: cancel())
    cancel = rig.right.subscribe(received.append)
    rig.left.send(Frame(1))
    rig.settle()
    assert received == []


def test_two_controllers_of_one_name_are_refused(bus: SimBus) -> None:
    bus.attach("Left")
    with pytest.raises(BusError, match="already"):
        bus.attach("Left")


@pytest.mark.parametrize(("bitrate", "data_bitrate"), [(0, None), (-1, None), (500_000, 250_000)])
def test_bit_rates_that_no_bus_has_are_refused(bitrate: int, data_bitrate: int | None) -> None:
    with pytest.raises(BusError, match="bit rate"):
        SimBus(Loop(), "chassis", bitrate=bitrate, data_bitrate=data_bitrate)


def test_two_buses_do_not_know_of_each_other() -> None:
    loop = Loop()
    received: list[Received] = []
    for channel in ("a", "b"):
        bus = SimBus(loop, channel)
        bus.attach("Left").send(Frame(1))
        bus.attach("Right").subscribe(received.append)
    loop.run_until(1_000_000)
    assert [one.channel for one in received] == ["a", "b"]
