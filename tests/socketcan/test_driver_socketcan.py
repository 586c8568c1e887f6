"""The driver on SocketCAN: virtual links, and where there are any, controllers. Limits are wide for slow machines."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import can
import pytest
from conformance_driver import WAIT_S, DriverConformance, Rig, heard, rest, send

from harness.adapter import socket_access
from harness.adapter.driver import Driver
from harness.adapter.items import Error, Heard, Overrun, State
from harness.adapter.link import Link
from harness.adapter.spec import AdapterSpec
from harness.bus.port import ErrorState
from harness.errors import AdapterError, AdapterLost
from harness.frames import Frame
from harness.wall import clock_ns

CLASSIC = AdapterSpec("body", "socketcan", "vcan0", 500_000)
FD = AdapterSpec("body", "socketcan", "vcan0", 500_000, 2_000_000)


def opened(stack: ExitStack, spec: AdapterSpec) -> Driver:
    driver = Driver(spec)
    stack.callback(driver.close)
    return driver


@pytest.fixture
def driver() -> Iterator[Driver]:
    with ExitStack() as stack:
        yield opened(stack, CLASSIC)


@pytest.fixture
def other() -> Iterator[socket.socket]:
    """Somebody else on ``vcan0``."""
    with socket.socket(socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW) as raw:
        raw.bind(("vcan0",))
        yield raw


@pytest.mark.parametrize("spec", [CLASSIC, FD], ids=["classic", "fd"])
class TestVirtualLink(DriverConformance):
    @pytest.fixture
    def rig(self, spec: AdapterSpec) -> Iterator[Rig]:
        with ExitStack() as stack:
            elsewhere = AdapterSpec("body", "socketcan", "vcan1", 500_000)
            yield Rig(opened(stack, spec), opened(stack, spec), elsewhere)


class TestControllers(DriverConformance):
    @pytest.fixture
    def rig(self, pair: tuple[str, str]) -> Iterator[Rig]:
        with ExitStack() as stack:
            rates = [Link.read(name) for name in pair]
            assert all(rates)
            left, right = (
                AdapterSpec("body", "socketcan", link.name, link.bitrate or 0, link.data_bitrate)
                for link in rates
                if link is not None
            )
            elsewhere = AdapterSpec("body", "socketcan", "vcan1", 500_000)
            # QEMU's SJA1000 gets out of step by a remote frame that asks for bytes.
            yield Rig(opened(stack, left), opened(stack, right), elsewhere, remote=False)


def test_what_another_program_of_this_machine_sends_is_not_ours(driver: Driver, other: socket.socket) -> None:
    other.send(can_frame(0x123, b"\x01"))
    assert [(each.frame, each.own) for each in heard(driver, 1)] == [(Frame(0x123, b"\x01"), False)]


def test_stamps_are_the_kernels(driver: Driver, other: socket.socket) -> None:
    assert driver.capabilities.stamps == "kernel" and driver.capabilities.stamp_uncertainty_ns < 1_000_000
    other.send(can_frame(0x123, b""))
    sent = clock_ns()
    threading.Event().wait(0.2)
    (seen,) = heard(driver, 1)
    # Read 200 ms later, but stamped when it was sent.
    assert seen.time < sent + 100_000_000


def test_lost_frames_are_counted(monkeypatch: pytest.MonkeyPatch, other: socket.socket) -> None:
    monkeypatch.setattr(socket_access, "RECEIVE_BUFFER", 4096)
    with ExitStack() as stack:
        driver = opened(stack, CLASSIC)
        count = 500
        for number in range(count):
            other.send(can_frame(0x123, number.to_bytes(2, "big")))
        items = rest(driver)
        other.send(can_frame(0x124, b""))
        items += rest(driver)
    frames = [item for item in items if isinstance(item, Heard)]
    (overrun,) = [item for item in items if isinstance(item, Overrun)]
    assert frames[-1].frame.id == 0x124 and 0 < len(frames) < count
    assert overrun.lost == count + 1 - len(frames)
    # It stands where the frames are missing: before the frame that came after them.
    assert items.index(overrun) == len(items) - 2


def test_error_frames(driver: Driver, other: socket.socket) -> None:
    other.send(can_frame(socket.CAN_ERR_FLAG | 0x88, bytes([0, 0, 0x04, 0x0A, 0, 0, 0, 0])))
    other.send(can_frame(socket.CAN_ERR_FLAG | 0x20, bytes(8)))
    other.send(can_frame(socket.CAN_ERR_FLAG | 0x04, bytes([0, 0x01, 0, 0, 0, 0, 0, 0])))
    other.send(can_frame(socket.CAN_ERR_FLAG | 0x04, bytes([0, 0x20, 0, 0, 0, 0, 0, 0])))
    other.send(can_frame(socket.CAN_ERR_FLAG | 0x40, bytes(8)))
    other.send(can_frame(socket.CAN_ERR_FLAG | 0x100, bytes(8)))
    items = rest(driver)
    assert [type(item) for item in items] == [Error, Error, Overrun, State, State, State]
    assert [item.kind for item in items if isinstance(item, Error)] == ["stuff", "ack"]
    states = [item.state for item in items if isinstance(item, State)]
    assert states == [ErrorState.PASSIVE, ErrorState.BUS_OFF, ErrorState.ACTIVE]


def test_a_full_queue_is_no_error(administer: Callable[..., None], driver: Driver) -> None:
    administer("tc", "qdisc", "add", "dev", "vcan0", "root", "tbf", "rate", "8kbit", "burst", "64", "limit", "160")
    try:
        taken = [driver.send(Frame(0x123, bytes([number]))) for number in range(200)]
        assert taken[0] and not all(taken)
    finally:
        administer("tc", "qdisc", "del", "dev", "vcan0", "root")
    seen = heard(driver, 1)
    assert seen[0].own


def test_a_link_that_goes_down_is_lost_and_found_again(administer: Callable[..., None], driver: Driver) -> None:
    reasons: list[str] = []

    def read() -> None:
        try:
            driver.receive(60)
        except AdapterLost as error:
            reasons.append(str(error))

    reader = threading.Thread(target=read)
    reader.start()
    administer("ip", "link", "set", "vcan0", "down")
    try:
        reader.join(WAIT_S)
        assert not reader.is_alive() and "socketcan:vcan0 is gone" in reasons[0]
        with pytest.raises(AdapterLost):
            driver.send(Frame(0x123))
        with pytest.raises(AdapterError, match="is down; do: sudo ip link set vcan0 mtu 16 up"):
            driver.reopen()
    finally:
        administer("ip", "link", "set", "vcan0", "up")
    driver.reopen()
    send(driver, Frame(0x123))
    assert heard(driver, 1)[0].own


def test_the_links_settings_are_compared(pair: tuple[str, str]) -> None:
    link = Link.read(pair[0])
    assert link is not None and link.bitrate is not None and link.up and link.state  # CTU CAN FD says STOPPED
    with pytest.raises(AdapterError, match=rf"runs at {link.bitrate} bit/s, not at 125000; do: sudo ip link set"):
        Driver(AdapterSpec("body", "socketcan", pair[0], 125_000))
    driver = Driver(AdapterSpec("body", "socketcan", pair[0], link.bitrate))
    driver.recover()  # it is not bus-off: nothing happens
    driver.close()


def test_a_link_that_is_not_there() -> None:
    with pytest.raises(AdapterError, match=r"no network interface 'vcan99'; did you mean .*vcan[01].* for CAN are"):
        Driver(AdapterSpec("body", "socketcan", "vcan99", 500_000))


def can_frame(identifier: int, data: bytes) -> bytes:
    return identifier.to_bytes(4, "little") + bytes([len(data), 0, 0, 0]) + data.ljust(8, b"\0")


def test_python_can_would_take_all_for_its_own(other: socket.socket) -> None:
    """The reason for reading the socket ourselves; when this fails, python-can has been mended."""
    with can.Bus(interface="socketcan", channel="vcan0", ignore_config=True) as bus:
        other.send(can_frame(0x123, b""))
        message = bus.recv(WAIT_S)
        assert message is not None and not message.is_rx
