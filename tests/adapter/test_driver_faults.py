"""What goes wrong on a channel: overruns, bus-off, full buffers, nonsense, drivers that raise whatever they like."""

from __future__ import annotations

import errno
import socket
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import can
import pytest
from conformance_driver import WAIT_S, heard, rest, send

from harness.adapter import access, driver, opening, socket_access
from harness.adapter.driver import FAILURES, Driver
from harness.adapter.echoes import LIMIT_NS, TIDY_AT, Echoes
from harness.adapter.items import Error, Heard, Item, Overrun, State
from harness.adapter.spec import AdapterSpec
from harness.adapter.traits import Traits
from harness.bus.port import ErrorState
from harness.errors import AdapterError, AdapterLost
from harness.frames import Frame
from harness.wall import clock_ns


class ScriptedBus(can.BusABC):
    """A vendor's driver that does what the test says: messages to receive, or exceptions to raise."""

    def __init__(self) -> None:
        self.coming: deque[can.Message | BaseException] = deque()
        self.refusal: BaseException | None = None
        self.sent: list[can.Message] = []
        self.timeouts: list[float | None] = []
        self.controller: can.BusState = can.BusState.ACTIVE
        self.lost = 0
        self.closed = 0
        self.channel_info = "scripted"
        super().__init__("")

    def _recv_internal(self, timeout: float | None) -> tuple[can.Message | None, bool]:
        if not self.coming:
            threading.Event().wait(min(timeout or 0.0, 0.005))
            return None, False
        one = self.coming.popleft()
        if isinstance(one, BaseException):
            raise one
        return one, False

    def send(self, msg: can.Message, timeout: float | None = None) -> None:
        self.timeouts.append(timeout)
        if self.refusal is not None:
            raise self.refusal
        self.sent.append(msg)

    @property
    def state(self) -> can.BusState:
        return self.controller

    @state.setter
    def state(self, new_state: can.BusState) -> None:
        self.controller = new_state

    def shutdown(self) -> None:
        self.closed += 1
        super().shutdown()


Scripted = Callable[..., tuple[Driver, ScriptedBus]]


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scripted]:
    """Opens a driver on a scripted bus with these traits."""
    drivers: list[Driver] = []
    buses: list[ScriptedBus] = []

    def bus(**_: Any) -> ScriptedBus:
        buses.append(ScriptedBus())
        return buses[-1]

    def opened(listen_only: bool = False, **traits: Any) -> tuple[Driver, ScriptedBus]:
        monkeypatch.setattr(opening.can, "Bus", bus)
        monkeypatch.setattr(driver, "traits_of", lambda _: Traits(**traits))
        monkeypatch.setattr(access, "POLL_NS", 0)
        drivers.append(Driver(AdapterSpec("body", "pcan", "PCAN_USBBUS1", 500_000, listen_only=listen_only)))
        return drivers[-1], buses[-1]

    yield opened
    for each in drivers:
        each.close()
    assert all(each.closed == 1 for each in buses)


def message(identifier: int = 0x123, **fields: Any) -> can.Message:
    return can.Message(arbitration_id=identifier, is_extended_id=False, **{"data": b"\x01", **fields})


# -- sending -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "refusal",
    [
        can.CanTimeoutError(),
        can.CanOperationError("Failed to send: The transmit queue is full"),
        OSError(errno.ENOBUFS, "No buffer space available"),
        can.CanOperationError("Bus error: the CAN controller is in bus-off state"),
    ],
    ids=str,
)
def test_no_room_is_no_error(scripted: Scripted, refusal: BaseException) -> None:
    driver, bus = scripted()
    bus.refusal = refusal
    assert not driver.send(Frame(0x123))
    bus.refusal = None
    assert driver.send(Frame(0x123)) and len(bus.sent) == 1


def test_what_the_adapter_refuses_is_raised(scripted: Scripted) -> None:
    driver, bus = scripted()
    bus.refusal = can.CanOperationError("Failed to send: An invalid parameter was specified")
    with pytest.raises(
        AdapterError, match=r"pcan:PCAN_USBBUS1 does not take 0x123 \[0\]: .*invalid parameter"
    ) as caught:
        driver.send(Frame(0x123))
    assert not isinstance(caught.value, AdapterLost)
    bus.refusal = OSError(errno.ENODEV, "No such device")
    with pytest.raises(AdapterLost):
        driver.send(Frame(0x123))
    with pytest.raises(AdapterLost):
        driver.receive(0)


def test_python_can_waits_only_where_that_is_for_room(scripted: Scripted) -> None:
    for limit in (0.0, 0.05, None):
        driver, bus = scripted(send_timeout_s=limit)
        driver.send(Frame(0x123))
        assert bus.timeouts == [limit]


def test_every_message_is_its_own(scripted: Scripted) -> None:
    """gs_usb pads the data of the message that it sends."""
    driver, bus = scripted()
    frame = Frame(0x123, b"\x01")
    driver.send(frame)
    bus.sent[0].data.extend(bytes(7))
    driver.send(frame)
    assert bytes(bus.sent[1].data) == b"\x01"


# -- receiving ---------------------------------------------------------------------------------------------------------


def test_overruns(scripted: Scripted) -> None:
    driver, bus = scripted(lost=lambda bus: bus.lost)
    bus.coming += [can.CanOperationError("The receive queue was read too late"), message()]
    overrun, frame = rest(driver)
    assert isinstance(overrun, Overrun) and overrun.lost == 0 and "read too late" in overrun.text
    assert isinstance(frame, Heard)
    bus.lost = 7
    assert [item.lost for item in rest(driver) if isinstance(item, Overrun)] == [7]
    bus.lost = 9
    assert [item.lost for item in rest(driver) if isinstance(item, Overrun)] == [2]


def test_bus_off_that_is_raised_again_and_again_is_told_once(scripted: Scripted) -> None:
    driver, bus = scripted()
    off = "Bus error: the CAN controller is in bus-off state"
    bus.coming += [can.CanOperationError(off)] * (3 * FAILURES)
    (state,) = rest(driver)
    assert isinstance(state, State) and state.state is ErrorState.BUS_OFF
    assert driver.receive(0) is None, "it is not lost"
    driver.recover()
    (state,) = rest(driver)
    assert isinstance(state, State) and state.state is ErrorState.ACTIVE


def test_states_that_an_interface_shows(scripted: Scripted) -> None:
    driver, bus = scripted(
        states={can.BusState.ACTIVE: ErrorState.ACTIVE, can.BusState.ERROR: ErrorState.BUS_OFF}, restart="state"
    )
    assert rest(driver) == [], "active is where it begins"
    bus.controller = can.BusState.ERROR
    assert [item.state for item in rest(driver) if isinstance(item, State)] == [ErrorState.BUS_OFF]
    driver.recover()
    assert [item.state for item in rest(driver) if isinstance(item, State)] == [ErrorState.ACTIVE]
    assert bus.controller is can.BusState.ACTIVE


def test_error_passive_and_warnings(scripted: Scripted) -> None:
    driver, bus = scripted()
    bus.coming += [can.CanError("Error warning limit exceeded"), can.CanError("the CAN controller is error passive")]
    states = [item.state for item in rest(driver) if isinstance(item, State)]
    assert states == [ErrorState.ACTIVE, ErrorState.PASSIVE]


def test_an_exception_that_nobody_knows_is_told_and_at_last_believed(scripted: Scripted) -> None:
    driver, bus = scripted()
    bus.coming += [ValueError("received DLC may not exceed 8 bytes"), message()]
    error, frame = rest(driver)
    assert isinstance(error, Error) and "may not exceed" in error.text and isinstance(frame, Heard)
    for _ in range(3):
        bus.coming += [*[RuntimeError("internal error 4711")] * (FAILURES - 1), message()]
        assert [type(item) for item in rest(driver)] == [Error] * (FAILURES - 1) + [Heard]
    bus.coming += [RuntimeError("internal error 4711")] * FAILURES
    with pytest.raises(AdapterLost, match="internal error 4711"):
        for _ in range(FAILURES + 1):
            driver.receive(1)


def test_messages_that_are_no_frames(scripted: Scripted) -> None:
    driver, bus = scripted()
    bus.coming += [message(dlc=3, data=b"\x01"), message(0x999), message(is_error_frame=True, data=b"")]
    items = rest(driver)
    assert [type(item) for item in items] == [Error] * 3
    assert all(isinstance(item, Error) and item.kind == "bus" for item in items)


def test_an_interface_that_marks_its_echoes_and_one_that_does_not(scripted: Scripted) -> None:
    driver, bus = scripted(echo="flagged")
    assert driver.capabilities.echo
    bus.coming += [message(is_rx=False), message()]
    assert [item.own for item in rest(driver) if isinstance(item, Heard)] == [True, False]
    driver, bus = scripted(echo="none")  # is_rx may mean anything there
    bus.coming += [message(is_rx=False)]
    assert [item.own for item in rest(driver) if isinstance(item, Heard)] == [False]
    driver, bus = scripted(echo="equal")
    driver.send(Frame(0x123, b"\x01"))
    bus.coming += [message(), message()]
    assert [item.own for item in rest(driver) if isinstance(item, Heard)] == [True, False]
    bus.refusal = can.CanTimeoutError()
    assert not driver.send(Frame(0x123, b"\x01"))
    bus.coming += [message()]
    assert [item.own for item in rest(driver) if isinstance(item, Heard)] == [False], "what was not taken has no echo"


def test_an_adapters_own_clock_is_mapped(scripted: Scripted) -> None:
    driver, bus = scripted(stamps="hardware", clock="adapter")
    bus.coming += [message(timestamp=4711.0), message(timestamp=4711.25), message(timestamp=4711.125)]
    before = clock_ns()
    first, second, third = (item for item in rest(driver) if isinstance(item, Heard))
    assert before <= first.time <= second.time <= third.time <= clock_ns()
    assert driver.capabilities.stamps == "hardware" and driver.capabilities.stamp_uncertainty_ns > 100_000


def test_an_interface_that_does_not_stamp(scripted: Scripted) -> None:
    driver, bus = scripted(stamps="hardware", clock="adapter")
    before = clock_ns()
    bus.coming += [message(timestamp=0.0)]
    (seen,) = rest(driver)
    assert before <= seen.time <= clock_ns()


def test_an_interface_without_listen_only_does_at_least_not_send(scripted: Scripted) -> None:
    driver, bus = scripted(listen_only=True)
    assert not driver.capabilities.listen_only
    with pytest.raises(AdapterError, match="listen only"):
        driver.send(Frame(0x123))
    assert bus.sent == []


# -- simulated bus -----------------------------------------------------------------------------------------------------


def test_bus_off_and_the_way_back_on_a_simulated_bus() -> None:
    spec = AdapterSpec("body", "harness", "driver bus-off", 500_000)
    driver, other = Driver(spec), Driver(spec)
    bus: Any = driver._channel.bus
    try:
        with bus.loop.held():
            fault = bus._sim.corrupt(sender=bus._controller.node, count=None)
        driver.send(Frame(0x123))
        items: list[Item] = []
        end = clock_ns() + round(WAIT_S * 1e9)
        while clock_ns() < end and not (items and isinstance(items[-1], State) and "off" in items[-1].state.value):
            item = driver.receive(0.1)
            items += [] if item is None else [item]
        states = [item.state for item in items if isinstance(item, State)]
        assert states[-1] is ErrorState.BUS_OFF
        items += rest(driver)
        assert len([item for item in items if isinstance(item, Error)]) > 10
        with bus.loop.held():
            fault.cancel()
        driver.recover()
        while not isinstance(item := driver.receive(WAIT_S), Heard):
            assert item is not None
        assert item.own and item.frame == Frame(0x123)
    finally:
        driver.close()
        other.close()


def test_overruns_of_a_simulated_bus() -> None:
    spec = AdapterSpec("body", "harness", "driver overrun", 500_000)
    driver = Driver(spec)
    slow = Driver(AdapterSpec("body", "harness", "driver overrun", 500_000, options={"rx_queue_size": 3}))
    try:
        for number in range(10):
            send(driver, Frame(0x123, bytes([number])))
        heard(driver, 10)
        items = rest(slow)
        assert sum(item.lost for item in items if isinstance(item, Overrun)) == 7
        assert len([item for item in items if isinstance(item, Heard)]) == 3
    finally:
        driver.close()
        slow.close()


# -- multicast ---------------------------------------------------------------------------------------------------------

MULTICAST = AdapterSpec("body", "udp_multicast", "239.74.163.9", 500_000, None, {"port": 43_990})


@pytest.fixture
def multicast() -> Iterator[Driver]:
    pytest.importorskip("msgpack", reason="python-can's udp_multicast needs msgpack")
    try:
        opened = Driver(MULTICAST)
    except AdapterError as error:
        pytest.skip(f"no multicast here: {error}")
    yield opened
    opened.close()


@pytest.mark.skipif(sys.platform != "linux", reason="Linux counts what a socket loses")
def test_datagrams_that_nobody_read_are_counted(monkeypatch: pytest.MonkeyPatch, multicast: Driver) -> None:
    monkeypatch.setattr(socket_access, "RECEIVE_BUFFER", 4096)
    slow = Driver(MULTICAST)
    try:
        count = 300
        for number in range(count):
            send(multicast, Frame(0x123, number.to_bytes(2, "big")))
        heard(multicast, count)
        items = rest(slow)
        send(multicast, Frame(0x124))
        items += rest(slow)
        frames = [item for item in items if isinstance(item, Heard)]
        (overrun,) = (item for item in items if isinstance(item, Overrun))
        assert overrun.lost == count + 1 - len(frames) > 0
        assert items.index(overrun) == len(items) - 2
    finally:
        slow.close()


def test_datagrams_that_are_no_frames(multicast: Driver) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        for data in (b"", b"hello", b"\x81\xa3abc\x01"):
            stranger.sendto(data, ("239.74.163.9", 43_990))
    send(multicast, Frame(0x123))
    items = rest(multicast)
    assert [type(item) for item in items] == [Error] * 3 + [Heard]
    assert all("no CAN frame" in item.text for item in items if isinstance(item, Error))


def test_stamps_are_the_kernels(multicast: Driver) -> None:
    if multicast.capabilities.stamps != "kernel":
        pytest.skip("this kernel does not stamp datagrams")
    send(multicast, Frame(0x123))
    sent = clock_ns()
    threading.Event().wait(0.2)
    (seen,) = heard(multicast, 1)
    assert seen.own and seen.time < sent + 100_000_000, "read 200 ms later, but stamped when it came"


# -- echoes ------------------------------------------------------------------------------------------------------------


class Watch:
    now = 0

    def __call__(self) -> int:
        return self.now


def test_echoes_however_many_equal_frames_were_sent() -> None:
    echoes, frame = Echoes(Watch()), Frame(0x123, b"\x01")
    for _ in range(10_000):
        echoes.sent(frame)
        assert echoes.returned(frame)
    assert not echoes.returned(frame)


def test_an_echo_that_was_lost_does_not_hide_a_stranger() -> None:
    watch = Watch()
    echoes, frame = Echoes(watch), Frame(0x123, b"\x01")
    echoes.sent(frame)
    watch.now += LIMIT_NS
    assert not echoes.returned(frame)
    echoes.sent(frame)
    watch.now += LIMIT_NS - 1
    assert echoes.returned(frame)


def test_echoes_that_never_come_take_no_memory() -> None:
    watch = Watch()
    echoes = Echoes(watch)
    for number in range(20 * TIDY_AT):
        echoes.sent(Frame(0x123, number.to_bytes(4, "big")))
        watch.now += LIMIT_NS // TIDY_AT * 2
    assert len(echoes._awaited) <= 2 * TIDY_AT
