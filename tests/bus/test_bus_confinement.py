"""Error frames to the bit, and the error counters by every rule of ISO 11898-1:2015, 12.1."""

from __future__ import annotations

from itertools import pairwise

import pytest
import reference_bits

from harness.bus.confinement import ErrorCounters
from harness.bus.controller import Controller
from harness.bus.length import frame_bits
from harness.bus.port import ErrorState
from harness.bus.simulated import SimBus
from harness.bus.wire import wire
from harness.errors import BusError
from harness.frames import ErrorFrame, Frame, Received
from harness.loop import Loop

BIT = 2_000  # ns at 500 kbit/s
FRAME = Frame(0x123, b"\x80")
LENGTH = frame_bits(FRAME).nominal
ACK_SLOT = LENGTH - 9  # index of the bit: ACK slot, ACK delimiter, seven bits of EOF end the frame
PAYLOAD = 20  # see test_payload_begins_at_bit_20


class Scene:
    """A sender and receivers on one bus."""

    def __init__(self, receivers: int = 2, data_bitrate: int | None = None) -> None:
        self.loop = Loop()
        self.bus = SimBus(self.loop, "bus", data_bitrate=data_bitrate)
        self.sender = self.bus.attach("Sender")
        self.receivers = [self.bus.attach(f"Receiver{index}") for index in range(receivers)]
        self.seen: list[Received] = []
        self.errors: list[ErrorFrame] = []
        self.bus.observe(self.seen.append)
        self.bus.observe_errors(self.errors.append)

    def send(self, frame: Frame = FRAME, time: int = 10_000_000) -> int:
        """Send a frame and let it arrive; returns when it was queued, ns."""
        begin = self.loop.now
        self.sender.send(frame)
        self.loop.run_until(begin + time)
        return begin

    def counters(self) -> list[tuple[int, int]]:
        return [(node.tec, node.rec) for node in (self.sender, *self.receivers)]


def errors_of(controller: Controller, *, tec: int = 0, rec: int = 0) -> None:
    """Put a controller into a state of errors that it would have got into by many of them."""
    controller.counters.tec = tec
    controller.counters.rec = rec
    controller.update_state()
    controller.bus.membership_changed()


def test_payload_begins_at_bit_20() -> None:
    assert wire(FRAME).payload == PAYLOAD
    assert wire(FRAME).levels[PAYLOAD - 1 : PAYLOAD + 2] == "110"


# -- where an error frame ends ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "last_flag_bit"),
    [
        # The inverted payload bit 20 is dominant. The sender's flag is 21 to 26; bits 20 to 25 are six dominant ones.
        ({"kind": "bit"}, 25 + 6),
        # Bit 21 becomes recessive, after two recessive ones: the receivers count dominant bits from 22 to 27 only.
        ({"kind": "bit", "bit": 21}, 27 + 6),
        # A dominant CRC delimiter is a form error to everybody at once.
        ({"kind": "bit", "bit": ACK_SLOT - 1}, ACK_SLOT - 1 + 6),
        ({"kind": "bit", "bit": -3}, LENGTH - 3 + 6),
        # The receivers flag 20 -> 21 to 26; the sender meets them in its stuff bit or first recessive bit.
        ({"kind": "stuff"}, None),
        # Only with an active acknowledgement there is none at all: the sender flags from the ACK delimiter on, the
        # receivers find that delimiter dominant.
        ({"kind": "ack"}, ACK_SLOT + 1 + 6),
        ({"kind": "crc"}, ACK_SLOT + 1 + 6),
        # One receiver alone flags after the ACK delimiter, the others and the sender see it in the first bit of EOF.
        ({"kind": "crc", "receiver": "Receiver0"}, ACK_SLOT + 2 + 6),
        # A form error in the CRC delimiter: the flag begins in the ACK slot, the sender sees it in the ACK delimiter.
        ({"kind": "form"}, ACK_SLOT + 1 + 6),
    ],
    ids=str,
)
def test_error_frame_ends_eight_bits_after_the_last_flag(fault: dict[str, object], last_flag_bit: int | None) -> None:
    scene = Scene()
    if last_flag_bit is None:
        levels = wire(FRAME).levels
        last_flag_bit = levels.index("1", PAYLOAD + 1) + 6
    injection = scene.bus.corrupt(**fault)  # type: ignore[arg-type]
    scene.send()
    assert injection.hits == 1
    assert [(error.kind, error.frame, error.sender) for error in scene.errors] == [(fault["kind"], FRAME, "Sender")]
    end = (last_flag_bit + 1 + 8) * BIT
    assert scene.errors[0].time == end
    assert [one.time for one in scene.seen] == [end + 3 * BIT + LENGTH * BIT], "repeated after the intermission"


def test_flags_last_six_to_twelve_bits_wherever_the_error_is() -> None:
    for bit in range(13, LENGTH - 9):
        scene = Scene()
        scene.bus.corrupt(bit=bit)
        scene.send()
        flags = scene.errors[0].time // BIT - 8 - (bit + 1)
        assert 6 <= flags <= 12, bit


def test_error_flag_in_the_data_phase_is_sent_at_the_nominal_rate() -> None:
    scene = Scene(data_bitrate=2_000_000)
    frame = Frame(0x555, bytes(8), fd=True, brs=True)
    bits = wire(frame)
    scene.bus.corrupt(bit=bits.payload)
    scene.send(frame)
    # The zero becomes recessive; receivers then see six dominant bits, at their data rate, during the sender's flag.
    begin, _ = bits.fast
    detected = begin * BIT + (bits.payload + 1 - begin) * 500 + 6 * 500
    assert scene.errors[0].time == detected + (6 + 8) * BIT


def test_flag_within_the_crc_of_an_fd_frame_breaks_the_next_fixed_stuff_bit() -> None:
    scene = Scene(data_bitrate=2_000_000)
    frame = Frame(0x123, bytes(8), fd=True)
    fixed = [
        index
        for index, bit in enumerate(reference_bits.frame_bits(frame.id, frame.data, fd=True))
        if bit.stuff == "fixed"
    ]
    scene.bus.corrupt(bit=fixed[0] + 1)
    scene.send(frame)
    # The bits before the second fixed stuff bit are dominant already, and so is that one: no sixth is waited for.
    assert scene.errors[0].time == (fixed[1] + 1 + 6 + 8) * BIT


def test_error_in_the_last_bit_of_eof_makes_the_frame_arrive_twice() -> None:
    """The receivers have taken it for good one bit earlier; the sender has not (ISO 11898-1, 10.4.4)."""
    scene = Scene()
    scene.bus.corrupt(bit=-1)
    scene.send()
    assert [one.frame for one in scene.seen] == [FRAME, FRAME]
    assert [one.time for one in scene.seen] == [LENGTH * BIT, (LENGTH + 6 + 8 + 3 + LENGTH) * BIT]
    assert scene.counters() == [(7, 0), (0, 0), (0, 0)]


# -- the rules --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["bit", "ack"])
def test_sender_counts_8_receivers_1_and_success_takes_1_back(kind: str) -> None:
    scene = Scene()
    scene.bus.corrupt(kind=kind, count=3)
    states: list[list[tuple[int, int]]] = []
    scene.bus.observe_errors(lambda _: states.append(scene.counters()))
    scene.send()
    assert states == [[(8, 0), (0, 1), (0, 1)], [(16, 0), (0, 2), (0, 2)], [(24, 0), (0, 3), (0, 3)]]
    assert scene.counters() == [(23, 0), (0, 2), (0, 2)]
    scene.send()
    assert scene.counters() == [(22, 0), (0, 1), (0, 1)]
    for _ in range(25):
        scene.send()
    assert scene.counters() == [(0, 0), (0, 0), (0, 0)]


def test_bit_error_in_the_ack_slot_is_a_missing_acknowledgement() -> None:
    scene = Scene()
    errors_of(scene.sender, tec=128)
    scene.bus.corrupt(bit=ACK_SLOT)
    scene.send()
    assert scene.errors[0].kind == "ack"
    assert scene.sender.tec == 127, "not counted: the sender was passive"


@pytest.mark.parametrize("kind", ["stuff", "form", "crc"])
def test_receiver_that_sees_the_error_before_others_counts_9(kind: str) -> None:
    """Rules a and b: 1 for the error, 8 because the bit after its own flag is still dominant."""
    scene = Scene()
    scene.bus.corrupt(kind=kind, receiver="Receiver1")
    scene.send()
    assert scene.counters() == [(7, 0), (0, 0), (0, 8)]
    assert scene.errors[0].kind == kind


@pytest.mark.parametrize("kind", ["stuff", "form"])
def test_all_receivers_that_see_the_error_before_the_sender_count_9(kind: str) -> None:
    scene = Scene()
    scene.bus.corrupt(kind=kind)
    scene.send()
    assert scene.counters() == [(7, 0), (0, 8), (0, 8)]


@pytest.mark.parametrize(("receivers", "rec"), [(1, 0), (2, 8)])
def test_first_receiver_counts_9_only_if_another_flag_follows_its_own(receivers: int, rec: int) -> None:
    """The sender is passive: its flag is recessive, and only that of another receiver can follow."""
    scene = Scene(receivers)
    errors_of(scene.sender, tec=200)
    scene.bus.corrupt(kind="stuff", receiver="Receiver0")
    scene.send()
    assert scene.receivers[0].rec == rec


def test_crc_error_of_all_receivers_is_a_missing_acknowledgement_to_the_sender() -> None:
    scene = Scene()
    scene.bus.corrupt(kind="crc")
    states: list[list[tuple[int, int]]] = []
    scene.bus.observe_errors(lambda _: states.append(scene.counters()))
    scene.send()
    assert states == [[(8, 0), (0, 1), (0, 1)]], "the sender's flag is the first, so nobody counts 8 more"


def test_rec_above_127_falls_to_127_with_the_next_good_frame() -> None:
    scene = Scene()
    errors_of(scene.receivers[0], rec=200)
    states = [scene.receivers[0].state]
    scene.send()
    assert scene.receivers[0].rec == 127
    states.append(scene.receivers[0].state)
    assert states == [ErrorState.PASSIVE, ErrorState.ACTIVE]
    scene.send()
    assert scene.receivers[0].rec == 126


def test_counters_alone() -> None:
    counters = ErrorCounters()
    counters.transmitted()
    counters.received()
    assert counters.clean, "they do not fall below zero"
    for _ in range(300):
        counters.receive_error(first=True)
    assert counters.rec == 255
    assert counters.state is ErrorState.PASSIVE, "a receiver never gets to bus-off"
    counters.reset()
    for expected in (ErrorState.ACTIVE,) * 15 + (ErrorState.PASSIVE,) * 16 + (ErrorState.BUS_OFF,):
        counters.transmit_error()
        assert counters.state is expected
    assert counters.tec == 256


def test_states_follow_the_counters_and_are_told() -> None:
    scene = Scene()
    states: list[tuple[int, ErrorState]] = []
    scene.sender.on_state(lambda state: states.append((scene.sender.tec, state)))
    scene.bus.corrupt(count=16)
    scene.send()
    assert states == [(128, ErrorState.PASSIVE), (127, ErrorState.ACTIVE)]


# -- error passive ----------------------------------------------------------------------------------------------------


def test_passive_sender_waits_eight_bits_more_after_each_transmission() -> None:
    scene = Scene()
    errors_of(scene.sender, tec=200)
    scene.sender.send(FRAME)
    scene.sender.send(FRAME)
    scene.loop.run_until(10_000_000)
    assert [one.time for one in scene.seen] == [LENGTH * BIT, (LENGTH + 3 + 8 + LENGTH) * BIT]


def test_others_go_first_while_a_passive_sender_is_suspended() -> None:
    scene = Scene()
    errors_of(scene.sender, tec=200)
    scene.sender.send(Frame(0x001))
    scene.sender.send(Frame(0x002))
    high = Frame(0x700)
    begin = (frame_bits(Frame(1)).nominal + 3 + 8) * BIT - 1  # the last nanosecond of the suspension
    scene.loop.at(begin, lambda: scene.receivers[0].send(high))
    scene.loop.run_until(10_000_000)
    assert [one.frame.id for one in scene.seen] == [0x001, 0x700, 0x002]


def test_passive_receiver_alone_cannot_destroy_a_frame() -> None:
    scene = Scene()
    errors_of(scene.receivers[0], rec=128)
    received: list[Received] = []
    scene.receivers[0].subscribe(received.append)
    injection = scene.bus.corrupt(kind="crc", receiver="Receiver0")
    scene.send()
    assert injection.hits == 1
    assert scene.errors == []
    assert [one.frame for one in scene.seen] == [FRAME]
    assert received == [], "it takes the frame for wrong"
    assert scene.counters() == [(0, 0), (0, 129), (0, 0)]


def test_passive_receivers_acknowledge() -> None:
    scene = Scene()
    for node in scene.receivers:
        errors_of(node, rec=128)
    scene.send()
    assert (len(scene.seen), scene.errors) == (1, [])


def test_passive_flag_of_the_sender_shows_to_receivers_as_a_stuff_error() -> None:
    scene = Scene()
    errors_of(scene.sender, tec=200)
    scene.bus.corrupt(bit=PAYLOAD + 1)  # recessive, as are 19 and 20: with the flag, 19 to 24 are six
    scene.send()
    assert scene.errors[0].time == (24 + 1 + 6 + 8) * BIT
    assert scene.seen[0].time == scene.errors[0].time + (3 + 8 + LENGTH) * BIT
    assert scene.counters() == [(207, 0), (0, 0), (0, 0)]


def test_passive_flag_after_the_crc_leaves_the_receivers_with_a_wrong_crc() -> None:
    scene = Scene()
    errors_of(scene.sender, tec=200)
    scene.bus.corrupt(bit=ACK_SLOT - 2)  # the last bit of the CRC
    scene.send()
    assert scene.errors[0].time == (ACK_SLOT + 1 + 1 + 6 + 8) * BIT
    assert scene.counters() == [(207, 0), (0, 0), (0, 0)]


def test_passive_sender_counts_an_error_that_nobody_else_saw_unless_it_is_the_acknowledgement() -> None:
    scene = Scene()
    errors_of(scene.sender, tec=200)
    scene.bus.corrupt(bit=-1)
    scene.send()
    assert scene.sender.tec == 207


def test_passive_sender_without_acknowledgement_repeats_what_has_arrived() -> None:
    """Its flag is recessive and falls into EOF: the receivers see a good frame."""
    scene = Scene()
    errors_of(scene.sender, tec=128)
    scene.bus.corrupt(kind="ack")
    scene.send()
    assert [one.frame for one in scene.seen] == [FRAME, FRAME]
    assert scene.sender.tec == 127, "exception 1 of rule c: no dominant bit was seen, so it was not counted"


@pytest.mark.parametrize(("tec", "rec", "esi"), [(0, 0, False), (128, 0, True), (0, 128, True), (127, 127, False)])
def test_esi_tells_whether_the_sender_is_passive(tec: int, rec: int, esi: bool) -> None:
    scene = Scene(data_bitrate=2_000_000)
    errors_of(scene.sender, tec=tec, rec=rec)
    frame = Frame(0x123, bytes(12), fd=True, brs=True)
    scene.send(frame)
    assert scene.seen[0].frame == frame._replace(esi=esi)
    nominal, data = frame_bits(frame._replace(esi=esi))
    assert scene.seen[0].time == nominal * BIT + data * 500


# -- a node alone -----------------------------------------------------------------------------------------------------


def test_node_alone_becomes_passive_and_never_gets_to_bus_off() -> None:
    scene = Scene(receivers=0)
    scene.send(time=1_000_000_000)
    assert scene.sender.tec == 128
    assert scene.sender.state is ErrorState.PASSIVE
    assert scene.seen == []
    # SOF to ACK slot, flag, delimiter; then the intermission and, once passive, the suspension.
    attempt = ACK_SLOT + 1 + 6 + 8
    times = [error.time // BIT for error in scene.errors]
    assert {error.kind for error in scene.errors} == {"ack"}
    assert times[:16] == [attempt + index * (attempt + 3) for index in range(16)]
    assert {after - before for before, after in pairwise(times[15:])} == {attempt + 3 + 8}


def test_passive_tap_does_not_acknowledge_but_a_second_node_ends_it() -> None:
    scene = Scene(receivers=0)
    scene.send()
    assert scene.seen == []
    scene.bus.attach("Late")
    scene.loop.run_until(scene.loop.now + 1_000_000)
    assert [one.frame for one in scene.seen] == [FRAME]
    assert scene.sender.tec == 127


# -- faults on chosen frames ------------------------------------------------------------------------------------------


def test_fault_hits_only_frames_of_its_identifier_and_sender() -> None:
    scene = Scene()
    by_key = scene.bus.corrupt(key=0x200)
    by_sender = scene.bus.corrupt(sender="Receiver0")
    scene.send()
    assert (by_key.hits, by_sender.hits, scene.errors) == (0, 0, [])
    scene.send(Frame(0x200))
    scene.receivers[0].send(FRAME)
    scene.loop.run_until(100_000_000)
    assert (by_key.hits, by_sender.hits) == (1, 1)
    assert [(error.frame.id, error.sender) for error in scene.errors] == [(0x200, "Sender"), (0x123, "Receiver0")]


def test_fault_waits_counts_and_can_be_cancelled() -> None:
    scene = Scene()
    injection = scene.bus.corrupt(after=2, count=None)
    for _ in range(2):
        scene.send()
    assert injection.hits == 0
    scene.sender.send(FRAME)
    scene.loop.run_until(scene.loop.now + 500_000)
    assert injection.hits == len(scene.errors) + 1 > 2
    injection.cancel()
    scene.loop.run_until(scene.loop.now + 1_000_000)
    assert injection.hits == len(scene.errors)
    assert len(scene.seen) == 3


def test_fault_of_one_receiver_waits_until_that_one_receives() -> None:
    scene = Scene()
    injection = scene.bus.corrupt(kind="crc", receiver="Sender")
    scene.send()
    assert injection.hits == 0
    scene.receivers[0].send(FRAME)
    scene.loop.run_until(100_000_000)
    assert injection.hits == 1


@pytest.mark.parametrize(
    "options",
    [
        {"kind": "overload"},
        {"kind": "bit", "receiver": "Receiver0"},
        {"kind": "crc", "bit": 20},
        {"count": -1},
        {"after": -1},
    ],
    ids=str,
)
def test_fault_that_makes_no_sense_is_refused(options: dict[str, object]) -> None:
    with pytest.raises(BusError):
        Scene().bus.corrupt(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize("bit", [LENGTH, -LENGTH - 1])
def test_fault_beyond_the_frame_stops_the_world(bit: int) -> None:
    scene = Scene()
    scene.bus.corrupt(bit=bit)
    with pytest.raises(BusError, match=f"bit {bit}"):
        scene.send()
