"""python-can's contract, kept by the interface ``harness``. Time limits are wide: only what hangs exceeds them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count, pairwise
from pathlib import Path

import can
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.frames import FD_LENGTHS

ROOT = Path(__file__).parents[2]
WAIT_S = 10.0
NAMES = count()


class Buses:
    """Opens instances on one channel of its own and closes them at the end."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self.channel = f"test {next(NAMES)}"

    def open(self, **options: object) -> can.BusABC:
        options.setdefault("channel", self.channel)
        return self._stack.enter_context(can.Bus(interface="harness", **options))  # type: ignore[arg-type]


@pytest.fixture
def buses() -> Iterator[Buses]:
    with ExitStack() as stack:
        yield Buses(stack)


def message(identifier: int = 0x123, data: bytes = b"\x01\x02", **fields: object) -> can.Message:
    return can.Message(arbitration_id=identifier, data=data, is_extended_id=False, check=False, **fields)  # type: ignore[arg-type]


def test_what_one_sends_all_others_receive(buses: Buses) -> None:
    one, two, three = buses.open(), buses.open(), buses.open()
    before = time.time()
    one.send(message())
    for other in (two, three):
        seen = other.recv(WAIT_S)
        assert seen is not None and seen.equals(
            message(), timestamp_delta=None, check_channel=False, check_direction=False
        )
        assert seen.is_rx and seen.channel == buses.channel
        assert before - 1 < seen.timestamp < time.time() + 1
    assert one.recv(0) is None


@given(data=st.data())
@settings(max_examples=60)
def test_every_message_arrives_as_it_was_sent(data: st.DataObject) -> None:
    fd = data.draw(st.booleans())
    extended = data.draw(st.booleans())
    remote = not fd and data.draw(st.booleans())
    length = data.draw(st.sampled_from(FD_LENGTHS) if fd else st.integers(0, 8))
    sent = can.Message(
        arbitration_id=data.draw(st.integers(0, 0x1FFFFFFF if extended else 0x7FF)),
        is_extended_id=extended,
        is_fd=fd,
        bitrate_switch=fd and data.draw(st.booleans()),
        is_remote_frame=remote,
        dlc=length,
        data=None if remote else data.draw(st.binary(min_size=length, max_size=length)),
    )
    name = f"any {next(NAMES)}"
    with (
        can.Bus(interface="harness", channel=name, fd=True) as one,
        can.Bus(interface="harness", channel=name, fd=True) as two,
    ):
        one.send(sent)
        seen = two.recv(WAIT_S)
    assert seen is not None and seen.equals(sent, timestamp_delta=None, check_channel=False, check_direction=False)


def test_the_lowest_identifier_wins(buses: Buses) -> None:
    one, two, three = buses.open(), buses.open(), buses.open()
    with one.loop.held():  # type: ignore[attr-defined]
        one.send(message(0x700))
        one.send(message(0x500))
        two.send(message(0x100))
    assert [seen.arbitration_id for _ in range(3) if (seen := three.recv(WAIT_S))] == [0x100, 0x500, 0x700]


def test_frames_take_their_time_on_the_bus(buses: Buses) -> None:
    one, two = buses.open(bitrate=125_000), buses.open(bitrate=125_000)
    for _ in range(10):
        one.send(message(data=bytes(8)))
    stamps = [seen.timestamp for _ in range(10) if (seen := two.recv(WAIT_S))]
    assert stamps[-1] - stamps[0] == pytest.approx(9 * (135 + 3) / 125_000, rel=0.1)


def test_recv_with_and_without_waiting(buses: Buses) -> None:
    bus = buses.open()
    assert bus.recv(0) is None
    assert bus.recv(-1) is None
    began = time.monotonic()
    assert bus.recv(0.05) is None
    assert time.monotonic() - began >= 0.05


def test_own_messages_come_back_only_on_request(buses: Buses) -> None:
    one, _ = buses.open(receive_own_messages=True), buses.open()
    one.send(message())
    seen = one.recv(WAIT_S)
    assert seen is not None and not seen.is_rx


def test_filters(buses: Buses) -> None:
    one, two = buses.open(), buses.open(can_filters=[{"can_id": 0x200, "can_mask": 0x700}])
    for identifier in (0x123, 0x234, 0x345):
        one.send(message(identifier))
    seen = two.recv(WAIT_S)
    assert seen is not None and seen.arbitration_id == 0x234
    two.set_filters(None)
    one.send(message(0x111))
    found = {seen.arbitration_id for _ in range(4) if (seen := two.recv(0.5))}
    assert 0x111 in found


def test_a_notifier_serves_listeners(buses: Buses) -> None:
    one, two = buses.open(), buses.open()
    reader = can.BufferedReader()
    notifier = can.Notifier(two, [reader])
    try:
        one.send(message())
        seen = reader.get_message(WAIT_S)
        assert seen is not None and seen.arbitration_id == 0x123
    finally:
        notifier.stop()


def test_shutdown_wakes_whoever_waits(buses: Buses) -> None:
    bus = buses.open()
    raised: list[BaseException] = []

    def read() -> None:
        try:
            bus.recv()
        except can.CanError as error:
            raised.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    bus.shutdown()
    thread.join(WAIT_S)
    assert not thread.is_alive()
    assert [str(error) for error in raised] == ["this bus has been shut down"]
    bus.shutdown()
    with pytest.raises(can.CanOperationError, match="shut down"):
        bus.send(message())
    with pytest.raises(can.CanOperationError, match="shut down"):
        bus.recv(0)


@pytest.mark.parametrize(
    ("refused", "why"),
    [
        (message(is_error_frame=True), "error frame"),
        (message(0x800), "11 bits"),
        (message(data=bytes(9), dlc=9), "0 to 8 bytes"),
        (message(dlc=3), "has 2 bytes but says 3"),
        (message(is_fd=True), "the channel is classic CAN"),
        (message(bitrate_switch=True), "CAN FD only"),
    ],
)
def test_what_no_bus_would_carry_is_refused(buses: Buses, refused: can.Message, why: str) -> None:
    bus = buses.open()
    with pytest.raises(can.CanOperationError, match=why):
        bus.send(refused)
    with pytest.raises(can.CanOperationError, match=why):
        bus.send_periodic(refused, 0.1)


def test_periodic_messages_keep_to_their_grid(buses: Buses) -> None:
    one, two = buses.open(), buses.open()
    task = one.send_periodic([message(data=b"\x01"), message(data=b"\x02")], 0.005)
    seen = [found for _ in range(40) if (found := two.recv(WAIT_S))]
    task.stop()
    assert [each.data[0] for each in seen] == [1, 2] * 20
    gaps = [after.timestamp - before.timestamp for before, after in pairwise(seen)]
    assert all(gap == pytest.approx(0.005, abs=2e-5) for gap in gaps)  # by the bus: a few stuff bits more or less


def test_periodic_messages_can_be_changed_and_end(buses: Buses) -> None:
    one, two = buses.open(), buses.open()
    task = one.send_periodic(message(data=b"\x00"), 0.01)
    first = two.recv(WAIT_S)
    task.modify_data(message(data=b"\x07"))  # type: ignore[attr-defined]
    changed = next(seen for _ in range(100) if (seen := two.recv(WAIT_S)) and seen.data == b"\x07")
    assert first is not None and first.data == b"\x00" and changed.arbitration_id == 0x123
    task.stop()
    limited = one.send_periodic(message(0x321), 0.01, duration=0.05)
    assert limited is not None
    found = [seen.arbitration_id for _ in range(20) if (seen := two.recv(0.3))]
    assert found.count(0x321) == 5


def test_a_modifier_counts(buses: Buses) -> None:
    one, two = buses.open(), buses.open()

    def increment(each: can.Message) -> None:
        each.data[0] = (each.data[0] + 1) % 16

    one.send_periodic(message(data=b"\x00"), 0.005, modifier_callback=increment)
    assert [seen.data[0] for _ in range(20) if (seen := two.recv(WAIT_S))] == [(n + 1) % 16 for n in range(20)]


def test_a_node_alone_gets_no_acknowledgement(buses: Buses) -> None:
    bus = buses.open(tx_queue_size=1)
    bus.send(message())
    with pytest.raises(can.CanTimeoutError, match=r"no room in the transmit queue of simulated bus .*error passive"):
        bus.send(message(), timeout=0.1)
    assert bus.state is can.BusState.PASSIVE
    seen = bus.recv(WAIT_S)
    assert seen is not None and seen.is_error_frame
    buses.open()  # somebody acknowledges
    bus.send(message(), timeout=WAIT_S)


def test_a_full_receive_queue_loses_the_oldest_and_counts(buses: Buses) -> None:
    one, two = buses.open(receive_own_messages=True), buses.open(rx_queue_size=3)
    for number in range(5):
        one.send(message(data=bytes([number])))
    for _ in range(5):
        one.recv(WAIT_S)
    assert two.overruns == 2  # type: ignore[attr-defined]
    assert [seen.data[0] for _ in range(3) if (seen := two.recv(WAIT_S))] == [2, 3, 4]


def test_many_threads_may_send(buses: Buses) -> None:
    sender, receiver = buses.open(), buses.open()
    threads = [
        threading.Thread(target=lambda n=n: [sender.send(message(0x100 + n, bytes([k]))) for k in range(50)])
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)
    seen = [found for _ in range(200) if (found := receiver.recv(WAIT_S))]
    for number in range(4):
        assert [each.data[0] for each in seen if each.arbitration_id == 0x100 + number] == list(range(50))


def test_all_nodes_of_a_bus_need_the_same_bit_rates(buses: Buses) -> None:
    buses.open(bitrate=500_000)
    with pytest.raises(can.CanInitializationError, match="every node of a bus needs the same bit rates"):
        buses.open(bitrate=250_000)
    with pytest.raises(can.CanInitializationError, match="knows no option bitrat"):
        buses.open(bitrat=1)


def test_channels_do_not_meet(buses: Buses) -> None:
    one, other = buses.open(), buses.open(channel="elsewhere")
    listener = buses.open()
    one.send(message())
    assert listener.recv(WAIT_S) is not None
    assert other.recv(0.05) is None


# -- with a vehicle ----------------------------------------------------------------------------------------------------


def test_a_program_joins_the_simulated_vehicle() -> None:
    with can.Bus(interface="harness", channel="body", bench=str(ROOT / "benches" / "virtual.toml")) as bus:
        seen = {found.arbitration_id for _ in range(200) if (found := bus.recv(WAIT_S))}
    assert len(seen) > 10


def test_a_bench_or_channel_that_does_not_exist() -> None:
    with pytest.raises(can.CanInitializationError, match=r"has no channel 'bodi'; it has powertrain, body"):
        can.Bus(interface="harness", channel="bodi", bench=str(ROOT / "benches" / "virtual.toml"))
    with pytest.raises(can.CanInitializationError, match=r"missing\.toml"):
        can.Bus(interface="harness", channel="body", bench="missing.toml")


def test_an_iso_tp_stack_joins() -> None:
    isotp = pytest.importorskip("isotp", reason="can-isotp is not installed")
    with ExitStack() as stack:
        one, two = (stack.enter_context(can.Bus(interface="harness", channel="isotp")) for _ in range(2))
        address = isotp.Address(isotp.AddressingMode.Normal_11bits, txid=0x7E0, rxid=0x7E8)
        answer = isotp.Address(isotp.AddressingMode.Normal_11bits, txid=0x7E8, rxid=0x7E0)
        tester, ecu = isotp.CanStack(one, address=address), isotp.CanStack(two, address=answer)
        for each in (tester, ecu):
            each.start()
            stack.callback(each.stop)
        request = bytes(range(200))
        tester.send(request)
        assert ecu.recv(block=True, timeout=WAIT_S) == request


def test_the_tester_of_cantools_joins() -> None:
    import cantools.database
    import cantools.tester

    database = cantools.database.load_file(ROOT / "dbc" / "body.dbc")
    with can.Bus(interface="harness", channel="body", bench=str(ROOT / "benches" / "virtual.toml")) as bus:
        tester = cantools.tester.Tester("IC", database, bus, bus_name="")
        name = next(each.name for each in database.messages if "BCM" in each.senders and each.cycle_time)
        tester.start()
        try:
            assert tester.expect(name, timeout=WAIT_S) is not None
        finally:
            tester.stop()
            for reader in can.Notifier.find_instances(bus):  # stop() leaves it running
                reader.stop()
