"""Why a bench cannot run a test: each reason from its evidence, and none from what a working bench reports."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.adapter.diagnosis import ALONE_NS, ENOUGH_ERRORS, SILENCE_NS, Diagnosis
from harness.adapter.items import (
    Done,
    Error,
    Heard,
    Missed,
    Overrun,
    Reopened,
    Report,
    Sent,
    State,
    Suppressed,
    Trouble,
)
from harness.bus.port import ErrorState
from harness.frames import EXTENDED, Frame
from harness.signals.definitions import MessageDef

MS = 1_000_000
BEGIN = 5_000_000 * MS  # a clock that has been running for a while
OTHERS = {id: MessageDef(f"Other{id:X}", id, 4, ()) for id in range(0x200, 0x20A)}
OWN = {0x0A0: MessageDef("Pedals", 0x0A0, 8, ())}
KNOWN = OTHERS | OWN


def evidence(*items: Report, talks: bool = True, echo: bool = True) -> Diagnosis:
    fold = Diagnosis("powertrain", KNOWN, {0x0A0: "PEDAL"}, BEGIN, talks=talks, echo=echo)
    for item in items:
        fold.take(item)
    return fold


def heard(id: int, length: int = 4, at: int = BEGIN, *, extended: bool = False) -> Heard:
    return Heard(at, Frame(id, bytes(length), extended))


def errors(kind: str, count: int, at: int = BEGIN) -> list[Error]:
    return [Error(at, kind)] * count


def sent(at: int = BEGIN) -> Sent:
    return Sent(at, "PEDAL", Frame(0x0A0, bytes(8)))


# -- each reason -------------------------------------------------------------------------------------------------------


def test_an_unknown_bus() -> None:
    items = [heard(0x300 + each, 8) for each in range(40)]
    assert evidence(*items, heard(0x200)).reason() == (
        "powertrain: database does not match: 40 of 41 identifiers seen are unknown (0x300, 0x301, 0x302, ...); "
        "is it this bus, and this version of the network?"
    )


def test_a_database_of_another_version() -> None:
    fold = evidence(heard(0x200, 2), heard(0x201, 3), heard(0x202), heard(0x123, extended=True))
    assert fold.reason() == (
        "powertrain: database does not match: 1 of 4 identifiers seen are unknown (0x00000123x), 2 of 4 are too short "
        "(0x200 Other200: 2 of 4 bytes, 0x201 Other201: 3 of 4 bytes); is it this bus, and this version of the network?"
    )
    assert fold.unknown == (0x123 | EXTENDED,)
    assert fold.misfits == (0x200, 0x201)


def part(*, fitting: int, unknown: int, after: int) -> Diagnosis:
    """A database of ten messages every 100 ms, on a bus with many others."""
    known = {id: MessageDef(f"Other{id:X}", id, 4, (), cycle_time_ns=100 * MS) for id in OTHERS}
    fold = Diagnosis("powertrain", known | OWN, {0x0A0: "PEDAL"}, BEGIN)
    for id in [*range(0x200, 0x200 + fitting), *range(0x300, 0x300 + unknown)]:
        fold.take(heard(id))
    fold.complete(BEGIN + after)
    return fold


def test_a_database_that_holds_a_part_of_the_network_is_none_that_does_not_match() -> None:
    assert part(fitting=6, unknown=40, after=1000 * MS).reason() is None
    reason = part(fitting=5, unknown=40, after=1000 * MS).reason()
    assert reason is not None and "database does not match: 40 of 45 identifiers seen are unknown" in reason


def test_what_is_not_due_yet_is_not_missed() -> None:
    assert part(fitting=0, unknown=40, after=100 * MS).reason() is not None
    known = KNOWN | {0x210: MessageDef("Fast", 0x210, 4, (), cycle_time_ns=10 * MS)}
    known |= {id: MessageDef(f"Slow{id:X}", id, 4, (), cycle_time_ns=1000 * MS) for id in range(0x211, 0x21A)}
    fold = Diagnosis("powertrain", known, {0x0A0: "PEDAL"}, BEGIN)
    for item in (heard(0x210), heard(0x300), heard(0x301)):
        fold.take(item)
    fold.complete(BEGIN + 50 * MS)
    assert fold.reason() is None


def test_half_is_not_more_than_half() -> None:
    assert evidence(heard(0x300), heard(0x301), heard(0x200), heard(0x201)).reason() is None


def test_two_identifiers_are_too_few_to_doubt_the_database() -> None:
    assert evidence(heard(0x300), heard(0x301)).reason() is None


def test_one_short_frame_is_the_products_fault() -> None:
    fold = evidence(*(heard(each, 2) for each in OTHERS), *(heard(each) for each in OTHERS))
    assert fold.reason() is None
    assert fold.short.total() == len(OTHERS)


def test_a_remote_frame_is_not_short() -> None:
    items = [Heard(BEGIN, Frame(each, remote=True, length=4)) for each in OTHERS]
    assert evidence(*items).reason() is None


def test_two_senders() -> None:
    fold = evidence(heard(0x0A0, 8, BEGIN + 20 * MS), heard(0x0A0, 8, BEGIN + 30 * MS))
    assert fold.reason() == (
        "powertrain: two senders: 0x0A0 Pedals came from somebody else (2 frames, the first after 20 ms) while this "
        "bench sends it for PEDAL; take the other one off the bus, or let the bench file say that PEDAL is real"
    )


def test_our_own_echo_is_no_second_sender() -> None:
    assert evidence(Heard(BEGIN, Frame(0x0A0, bytes(8)), own=True), sent()).reason() is None


def test_nobody_acknowledges() -> None:
    assert evidence(*errors("ack", ENOUGH_ERRORS - 1)).reason() is None
    fold = evidence(*errors("ack", ENOUGH_ERRORS))
    assert fold.reason() == (
        "powertrain: no ACK: 16 acknowledgement errors in a row, no frame confirmed; "
        "is anybody on the bus? Check the device's supply, bit rate, wiring and termination"
    )


def test_nobody_acknowledges_any_more() -> None:
    fold = evidence(sent(), sent(), *errors("ack", ENOUGH_ERRORS))
    assert "16 acknowledgement errors in a row, 2 frames confirmed before;" in str(fold.reason())


def test_others_are_heard_but_do_not_acknowledge_us() -> None:
    """Our transmitter is broken; with echo, only our own frames show that somebody acknowledges them."""
    items = [each for _ in range(ENOUGH_ERRORS) for each in (Error(BEGIN, "ack"), heard(0x200))]
    assert "no ACK" in str(evidence(*items).reason())
    assert evidence(*items, echo=False).reason() is None


def test_without_echo_a_frame_that_was_handed_over_confirms_nothing() -> None:
    items: list[Report] = [each for _ in range(ENOUGH_ERRORS) for each in (Error(BEGIN, "ack"), sent())]
    assert evidence(*items).reason() is None
    assert "no ACK: 16 acknowledgement errors in a row, no frame confirmed" in str(
        evidence(*items, echo=False).reason()
    )


def test_error_passive_and_alone() -> None:
    fold = evidence(Error(BEGIN, "ack"), State(BEGIN + MS, ErrorState.PASSIVE))
    fold.complete(BEGIN + MS + ALONE_NS - 1)
    assert fold.reason() is None
    fold.complete(BEGIN + MS + ALONE_NS)
    assert "no ACK: the adapter is error passive, and nothing was heard or confirmed for 1 s (ack 1);" in str(
        fold.reason()
    )
    fold.take(heard(0x200, at=fold.now))
    assert fold.reason() is None


def test_a_wrong_bit_rate() -> None:
    fold = evidence(*errors("stuff", 12), *errors("form", 4))
    assert fold.reason() == (
        "powertrain: bit rate wrong? only error frames (stuff 12, form 4), not one good frame; "
        "check bit rate, wiring and termination"
    )


def test_a_bus_that_breaks_down() -> None:
    fold = evidence(heard(0x200), *errors("bit", ENOUGH_ERRORS, BEGIN + 40 * MS))
    assert fold.reason() == (
        "powertrain: the bus is disturbed: only error frames (bit 16) for 40 ms; check bit rate, wiring and termination"
    )
    assert evidence(*errors("bit", 15), heard(0x200), *errors("bit", 15)).reason() is None


def test_bus_off_until_it_is_back() -> None:
    fold = evidence(Error(BEGIN, "bit"), State(BEGIN, ErrorState.BUS_OFF))
    fold.complete(BEGIN + 7 * MS)
    assert "powertrain: the adapter is bus-off for 7 ms (bit 1);" in str(fold.reason())
    fold.take(State(BEGIN + 8 * MS, ErrorState.ACTIVE))
    assert fold.reason() is None


def test_lost_frames() -> None:
    fold = evidence(Overrun(BEGIN, 17), Overrun(BEGIN, 0), heard(0x200))
    assert "received frames were lost (17 frames in 2 overruns)" in str(fold.reason())
    assert "received frames were lost (1 overrun)" in str(evidence(Overrun(BEGIN, 0)).reason())


def test_silence_from_the_beginning_on() -> None:
    fold = evidence()
    fold.complete(BEGIN + SILENCE_NS - 1)
    assert fold.reason() is None
    fold.complete(BEGIN + SILENCE_NS)
    assert "powertrain: nothing was received for 2 s; is anybody on the bus?" in str(fold.reason())


def test_silence_although_we_send() -> None:
    fold = evidence(sent(), echo=False)
    fold.complete(BEGIN + SILENCE_NS)
    assert "for 2 s (1 frame sent, which this adapter cannot confirm);" in str(fold.reason())


def test_a_device_that_falls_silent_is_no_reason() -> None:
    fold = evidence(heard(0x200))
    fold.complete(BEGIN + 3600_000 * MS)
    assert fold.reason() is None


def test_silence_where_nobody_is_expected_to_send() -> None:
    fold = evidence(talks=False)
    fold.complete(BEGIN + 3600_000 * MS)
    assert fold.reason() is None


def test_whoever_was_not_heard_is_not_known_to_be_there() -> None:
    assert evidence().alone and evidence(*errors("ack", 20), echo=False).alone
    assert evidence(sent()).alone, "somebody has acknowledged, but not the device that is expected to send"
    assert not evidence(sent(), talks=False).alone
    assert evidence(sent(), talks=False, echo=False).alone
    assert not evidence(heard(0x200)).alone


def test_what_lets_right_frames_look_wrong() -> None:
    unplugged = evidence(heard(0x200), Trouble(BEGIN, "the adapter is gone", fatal=True), *errors("ack", 20))
    assert unplugged.reason() is not None and unplugged.misreads() is None
    assert "lost" in str(evidence(Overrun(BEGIN, 3)).misreads())
    assert "two senders" in str(evidence(heard(0x0A0)).misreads())
    assert "database" in str(evidence(*(heard(0x300 + each) for each in range(4))).misreads())


def test_an_adapter_that_is_back_is_no_reason_in_the_next_test() -> None:
    fold = evidence(Trouble(BEGIN, "the adapter is gone", fatal=True))
    fold.begin_test()
    assert "the adapter is gone" in str(fold.reason()), "it is not back"
    fold.take(Reopened(BEGIN))
    assert "the adapter is gone" in str(fold.reason()), "in the test in which that happened"
    fold.begin_test()
    assert fold.reason() is None
    fold.take(Trouble(BEGIN, "gone again", fatal=True))
    assert "gone again" in str(fold.reason())


def test_what_the_channel_process_says_comes_first() -> None:
    fold = evidence(Trouble(BEGIN, "slow", False), heard(0x0A0, 8), Trouble(BEGIN, "the adapter is gone", True))
    fold.take(Trouble(BEGIN, "and more of it", True))
    assert fold.reason() == "powertrain: the adapter is gone"
    assert evidence(Trouble(BEGIN, "slow", False)).reason() is None


def test_a_reopened_adapter_begins_anew() -> None:
    before: list[Report] = [*errors("ack", 15), *errors("bit", 15), State(BEGIN, ErrorState.BUS_OFF), Reopened(BEGIN)]
    assert evidence(*before, *errors("ack", 1), *errors("bit", 1)).reason() is None


@pytest.mark.parametrize("item", [Suppressed(BEGIN, "N", "M", 1), Done(BEGIN, ()), Missed(BEGIN, "N", "M", 2)])
def test_items_that_say_nothing_about_the_bus(item: Report) -> None:
    assert evidence(item).reason() is None


# -- never on a bench that works ---------------------------------------------------------------------------------------

KINDS = st.sampled_from(["bit", "stuff", "crc", "form", "ack", "bus"])
LESS_THAN_ALONE = st.integers(0, ALONE_NS - 1)
BURSTS = st.lists(
    st.one_of(KINDS, st.sampled_from([ErrorState.PASSIVE, ErrorState.ACTIVE])), max_size=ENOUGH_ERRORS - 1
)
GOOD = st.tuples(st.sampled_from(sorted(OTHERS)), st.integers(4, 8))


@given(
    first=st.integers(0, SILENCE_NS - 1),
    steps=st.lists(st.tuples(BURSTS, LESS_THAN_ALONE, GOOD, st.booleans()), max_size=30),
    strangers=st.lists(st.sampled_from([0x300, 0x301, 0x302]), max_size=5),
    echo=st.booleans(),
    silence=st.integers(0, 10**12),
)
def test_never_a_reason_on_a_working_bench(
    first: int,
    steps: list[tuple[list[str | ErrorState], int, tuple[int, int], bool]],
    strangers: list[int],
    echo: bool,
    silence: int,
) -> None:
    """Errors in bursts shorter than 16; then, within a second, one frame of others and one of ours come through."""
    fold = evidence(echo=echo)
    at = BEGIN + first
    fold.complete(at)
    assert fold.reason() is None
    for id in [*sorted(OTHERS)[:3], *strangers]:  # as many known as strange ones
        fold.take(heard(id, at=at))
        assert fold.reason() is None
    for burst, gap, (id, length), we_send in steps:
        for each in burst:
            fold.take(State(at, each) if isinstance(each, ErrorState) else Error(at, each))
            assert fold.reason() is None
        at += gap
        fold.complete(at)
        assert fold.reason() is None
        fold.take(heard(id, length, at))
        fold.take(Heard(at, Frame(0x0A0, bytes(8)), own=True) if we_send and echo else sent(at))
        assert fold.reason() is None
    fold.take(State(at, ErrorState.ACTIVE))
    fold.complete(at + silence)  # the device falls silent
    assert fold.reason() is None


@given(st.lists(st.one_of(KINDS.map(lambda kind: Error(BEGIN, kind)), GOOD.map(lambda good: heard(*good)))))
def test_the_counts_are_those_of_the_items(items: list[Error | Heard]) -> None:
    fold = evidence(*items)
    assert fold.heard.total() + fold.errors.total() == len(items)
    fold.complete(BEGIN - 1)
    assert fold.now == BEGIN
