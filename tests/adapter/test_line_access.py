"""Serial adapters: plugged and pulled, deaf, garbled, full."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import can
import pytest
from conformance_driver import WAIT_S, heard, rest, send

from harness.adapter import line_access
from harness.adapter.driver import Driver
from harness.adapter.items import Error, Heard
from harness.adapter.lawicel import line_of
from harness.adapter.line_access import LONGEST_LINE, LineAccess, latency_ns
from harness.adapter.spec import AdapterSpec
from harness.errors import AdapterError, AdapterLost
from harness.frames import Frame
from harness.wall import clock_ns

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals exist on POSIX only")
pytest.importorskip("serial", reason="python-can's slcan needs pyserial")

if sys.platform != "win32":
    from serial_adapters import SerialBus


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[SerialBus]:
    made = SerialBus(tmp_path, ("one", "two"))
    yield made
    made.close()


@pytest.fixture
def plug(bus: SerialBus) -> Iterator[Callable[..., Driver]]:
    drivers: list[Driver] = []

    def opened(name: str = "one", **options: object) -> Driver:
        drivers.append(Driver(AdapterSpec("body", "slcan", bus.path(name), 500_000, options=options)))
        return drivers[-1]

    yield opened
    for driver in drivers:
        driver.close()


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers count from the beginning."""
    monkeypatch.setattr(line_access, "SETTLING_NS", 0)


def until(condition: Callable[[], bool]) -> None:
    end = clock_ns() + round(WAIT_S * 1e9)
    while not condition():
        assert clock_ns() < end, "it did not happen"
        threading.Event().wait(0.005)


def lost(driver: Driver, act: Callable[[], object]) -> str:
    """What is said when the adapter is found to be gone."""
    end = clock_ns() + round(WAIT_S * 1e9)
    with pytest.raises(AdapterLost) as caught:
        while clock_ns() < end:
            act()
    return str(caught.value)


def test_it_opens_and_closes_as_python_can_does(bus: SerialBus, plug: Callable[..., Driver]) -> None:
    driver = plug()
    until(lambda: bus.written["one"][-2:] == [b"O", b"O"])
    assert b"S6" in bus.written["one"]
    driver.close()
    until(lambda: bus.written["one"][-1] == b"C")


def test_pulled_and_plugged_again(bus: SerialBus, plug: Callable[..., Driver]) -> None:
    driver, other = plug(), plug("two")
    send(driver, Frame(0x123))
    heard(other, 1)
    bus.unplug("one")
    assert "channel 'body': slcan:" in lost(driver, lambda: driver.receive(0.1))
    with pytest.raises(AdapterLost, match="is gone"):
        driver.send(Frame(0x123))
    with pytest.raises(AdapterLost, match="is gone"):
        driver.receive(0.1)
    for _ in range(2):
        with pytest.raises(AdapterError, match="cannot be opened") as caught:
            driver.reopen()
        assert not isinstance(caught.value, AdapterLost)
    bus.plug("one")
    driver.reopen()
    send(driver, Frame(0x124))
    assert [each.frame for each in heard(other, 1)] == [Frame(0x124)]
    send(other, Frame(0x125))
    assert [each.frame for each in heard(driver, 1)] == [Frame(0x125)]


def test_pulled_while_somebody_reads(bus: SerialBus, plug: Callable[..., Driver]) -> None:
    driver = plug()
    reasons: list[str] = []

    def read() -> None:
        try:
            driver.receive(60)
        except AdapterLost as error:
            reasons.append(str(error))

    reader = threading.Thread(target=read)
    reader.start()
    bus.unplug("one")
    reader.join(WAIT_S)
    assert not reader.is_alive() and "is it still plugged in" in reasons[0]


def test_pulled_while_nobody_reads(bus: SerialBus, plug: Callable[..., Driver]) -> None:
    driver = plug()
    bus.unplug("one")
    assert "is gone" in lost(driver, lambda: driver.send(Frame(0x123)))
    driver.close()
    driver.close()


def test_the_other_adapter_goes_on(bus: SerialBus, plug: Callable[..., Driver], tmp_path: Path) -> None:
    more = SerialBus(tmp_path, ("three", "four"))
    try:
        driver = plug()
        three, four = (Driver(AdapterSpec("x", "slcan", more.path(name), 500_000)) for name in ("three", "four"))
        bus.unplug("one")
        lost(driver, lambda: driver.receive(0.1))
        send(three, Frame(0x123))
        assert [each.frame for each in heard(four, 1)] == [Frame(0x123)]
        three.close()
        four.close()
    finally:
        more.close()


def test_an_adapter_that_takes_nothing_is_full_and_no_line_is_torn(bus: SerialBus, plug: Callable[..., Driver]) -> None:
    driver, other = plug(), plug("two")
    until(lambda: bus.written["one"][-2:] == [b"O", b"O"])
    bus.deaf.add("one")
    frames: list[Frame] = []
    began = clock_ns()
    while True:
        frame = Frame(0x100 + len(frames) % 256, len(frames).to_bytes(8, "big"))
        if not driver.send(frame):
            break
        frames.append(frame)
        assert len(frames) < 10_000
    assert clock_ns() - began < 5_000_000_000
    began = clock_ns()
    assert not driver.send(Frame(0x7FF))
    assert clock_ns() - began < 1_000_000_000, "it waits 50 ms at most"
    bus.deaf.clear()
    assert [each.frame for each in heard(other, len(frames))] == frames
    send(driver, Frame(0x7FF))
    assert [each.frame for each in heard(other, 1)] == [Frame(0x7FF)]
    assert all(line in (b"C", b"S6", b"", b"O") or len(line) in (5, 21) for line in bus.written["one"])


def test_closing_does_not_wait_for_an_adapter_that_takes_nothing(bus: SerialBus, plug: Callable[..., Driver]) -> None:
    driver = plug()
    bus.deaf.add("one")
    while driver.send(Frame(0x100, bytes(8))):
        pass
    began = clock_ns()
    driver.close()
    assert clock_ns() - began < 2_000_000_000


@pytest.mark.usefixtures("settled")
def test_what_is_no_frame_is_told_and_the_rest_is_read(bus: SerialBus, plug: Callable[..., Driver]) -> None:
    driver = plug()
    bus.say("one", b"t1232AABB\rt12\r\xff\xfe\rt1230\r")
    bus.say("one", b"?" * (LONGEST_LINE + 1))
    items = rest(driver)
    assert isinstance(items[-1], Error) and "???" in items[-1].text, "it does not wait for the end of such a line"
    bus.say("one", b"\rt1240\r")
    items += rest(driver)
    assert [item.frame.id for item in items if isinstance(item, Heard)] == [0x123, 0x123, 0x124]
    told = [item.text for item in items if isinstance(item, Error)]
    assert [text for text in told if "t12'" in text] and [text for text in told if "xff" in text]


class NarrowPort:
    """A serial port that takes so many bytes and no more."""

    timeout: float | None = None
    write_timeout: float | None = None

    def __init__(self) -> None:
        self.room = 0
        self.taken = b""
        self.closed = self.reset = False
        self._open, self._other = socket.socketpair()
        self._full, self._reader = socket.socketpair()
        self._full.setblocking(False)
        with pytest.raises(BlockingIOError):
            while True:
                self._full.send(bytes(4096))

    def fileno(self) -> int:
        return (self._open if self.room else self._full).fileno()

    def write(self, data: bytes) -> int:
        count = min(len(data), self.room)
        self.taken += data[:count]
        self.room -= count
        return count

    @property
    def out_waiting(self) -> int:
        return len(self.taken)

    def reset_output_buffer(self) -> None:
        self.reset = True

    def close(self) -> None:
        self.closed = True
        for each in (self._open, self._other, self._full, self._reader):
            each.close()


class PortOnly(can.BusABC):
    """As much of slcanBus as is used once it is open."""

    def __init__(self, port: NarrowPort) -> None:
        self.serialPortOrig = port
        super().__init__("")

    def send(self, msg: can.Message, timeout: float | None = None) -> None:
        raise AssertionError("the driver writes itself")


def test_a_line_is_sent_as_a_whole_or_not_at_all() -> None:
    port = NarrowPort()
    access = LineAccess(PortOnly(port), clock_ns)
    assert not access.write(Frame(0x123, b"\x01")) and port.taken == b""
    port.room = 4
    assert access.write(Frame(0x123, b"\x01")) and port.taken == b"t123", "taken: the rest goes before the next one"
    assert not access.write(Frame(0x124)) and port.taken == b"t123"
    port.room = 100
    assert access.write(Frame(0x125)) and port.taken == b"t123101\rt1250\r"
    access.close()
    assert port.taken.endswith(b"C\r")
    assert port.reset and port.closed, "what the adapter does not take is not waited for"


@pytest.mark.usefixtures("settled")
def test_a_refusal_is_told(bus: SerialBus, plug: Callable[..., Driver]) -> None:
    driver = plug()
    until(lambda: bus.written["one"][-2:] == [b"O", b"O"])
    bus.answer = lambda line: b"\a"
    assert driver.send(Frame(0x123))
    item = driver.receive(WAIT_S)
    assert isinstance(item, Error) and item.kind == "bus" and "refuses" in item.text


def test_refusals_of_opening_commands_are_nobodys_frames(bus: SerialBus, plug: Callable[..., Driver]) -> None:
    bus.answer = lambda line: b"\a"  # as an adapter that is open already answers the second "O"
    assert rest(plug()) == []


def test_lines_in_pieces_and_many_at_once(bus: SerialBus, plug: Callable[..., Driver]) -> None:
    bus.answer = lambda line: b""  # to opening commands too, in the middle of a line
    driver = plug()
    frames = [Frame(number, bytes([number % 256] * (number % 9))) for number in range(100)]
    text = b"".join(line_of(frame) + b"\r" for frame in frames)
    for start in range(0, len(text), 7):
        bus.say("one", text[start : start + 7])
    assert [each.frame for each in heard(driver, len(frames))] == frames


def test_an_adapters_own_stamps_and_candappers_frames(bus: SerialBus, plug: Callable[..., Driver]) -> None:
    driver = plug()
    bus.say("one", b"t1232AABB04D2\rx12345678101\r")
    assert [each.frame for each in heard(driver, 2)] == [
        Frame(0x123, b"\xaa\xbb"), Frame(0x12345678, b"\x01", extended=True),
    ]  # fmt: skip


def test_answers_to_commands_are_no_frames(bus: SerialBus, plug: Callable[..., Driver]) -> None:
    driver = plug()
    bus.say("one", b"V1013\rNA123\rF00\rz\rZ\r\r")
    assert rest(driver) == []


def test_it_has_no_thread_of_its_own(plug: Callable[..., Driver]) -> None:
    before = threading.active_count()
    driver, other = plug(), plug("two")
    send(driver, Frame(0x123))
    heard(other, 1)
    assert threading.active_count() == before


def test_listening_is_asked_of_the_adapter(bus: SerialBus) -> None:
    driver = Driver(AdapterSpec("body", "slcan", bus.path("one"), 500_000, listen_only=True))
    assert driver.capabilities.listen_only
    until(lambda: b"L" in bus.written["one"])
    driver.close()


def test_the_latency_of_a_chip_that_linux_does_not_know() -> None:
    assert latency_ns("/dev/there-is-no-such-port") == 0


def test_a_port_that_cannot_be_waited_for() -> None:
    """As on Windows; pyserial's ``loop://`` gives back what is written to it."""
    driver = Driver(AdapterSpec("body", "slcan", "loop://", 500_000))
    send(driver, Frame(0x123, b"\x01"))
    send(driver, Frame(0x124))
    assert [each.frame for each in heard(driver, 2)] == [Frame(0x123, b"\x01"), Frame(0x124)]
    assert driver.receive(0.05) is None
    driver.close()
