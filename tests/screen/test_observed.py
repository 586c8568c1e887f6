"""The fold over what adapters report, against what somebody would find who keeps every frame."""

from __future__ import annotations

from math import ceil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from listened import MS, heard, observed, pedals

from harness.adapter.items import Error, Overrun, State
from harness.adapter.stimulation import Answer, Operation, Request, Status
from harness.bus.length import BitTimes, Lengths
from harness.bus.port import ErrorState
from harness.frames import EXTENDED, Frame
from harness.screen.load import PART_NS, Load
from harness.screen.observed import GAPS, MOST_UNKNOWN, Observation, ObservedChannel, Trouble
from harness.screen.snapshot import JITTER_SHARE, Wanted, snapshot

PEDALS, LAMPS, SWITCH = 160, 300, 400
COUNTERS = 15  # of profile 1: 0 to 14


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bench")


@pytest.fixture(scope="module")
def bench(folder: Path) -> tuple[Observation, ObservedChannel]:
    return observed(folder)


@pytest.fixture(scope="module")
def plans(bench: tuple[Observation, ObservedChannel]) -> ObservedChannel:
    """For making frames; nothing is heard on it."""
    return bench[1]


# -- messages ----------------------------------------------------------------------------------------------------------

KINDS = st.sampled_from(["next", "next", "next", "jump", "crc", "short", "remote"])


@settings(deadline=None)
@given(st.lists(st.tuples(KINDS, st.integers(1, 120 * MS)), max_size=40))
def test_wrong_frames_and_gaps_are_counted_as_they_come(
    folder: Path, plans: ObservedChannel, events: list[tuple[str, int]]
) -> None:
    plan = plans.messages[PEDALS].plan
    _, channel = observed(folder)
    time, counter, follows = 0, 0, False
    crc = jumps = short = pauses = 0
    gaps: list[int] = []
    times: list[int] = []
    for kind, gap in events:
        time += gap
        if times:
            if gap > 50 * MS:
                pauses += 1
            else:
                gaps.append(gap)
        times.append(time)
        if kind == "remote":
            channel.take(heard(time, Frame(PEDALS, remote=True, length=4)))
            continue
        if kind == "short":
            channel.take(heard(time, Frame(PEDALS, b"\x00")))
            short, crc, follows = short + 1, crc + 1, False
            continue
        counter = (counter + (3 if kind == "jump" else 1)) % COUNTERS
        channel.take(heard(time, pedals(plan, counter, 40.0, crc_ok=kind != "crc")))
        if kind == "crc":
            crc, follows = crc + 1, False
            continue
        jumps += follows and kind == "jump"
        follows = True
    message = channel.messages[PEDALS]
    assert (message.crc_wrong, message.counter_wrong, message.undecodable) == (crc, jumps, short)
    assert message.count == channel.count == len(events)
    assert (message.first_at, message.last_at) == ((times[0], times[-1]) if times else (None, None))
    assert list(message.gaps) == gaps and message.pauses == pauses


def test_a_good_frame_after_a_wrong_one_is_good(folder: Path, plans: ObservedChannel) -> None:
    plan = plans.messages[PEDALS].plan
    _, channel = observed(folder)
    message = channel.messages[PEDALS]
    channel.take(heard(1 * MS, pedals(plan, 3, 10.0)))
    assert message.problem == ""
    channel.take(heard(2 * MS, pedals(plan, 7, 10.0)))
    assert message.problem == "counter 7, expected 4"
    channel.take(heard(3 * MS, pedals(plan, 8, 10.0, crc_ok=False)))
    assert message.problem == "wrong checksum"
    channel.take(heard(4 * MS, Frame(PEDALS, b"")))
    assert "4 bytes" in message.problem
    channel.take(heard(5 * MS, pedals(plan, 9, 55.0)))
    assert message.problem == ""
    assert message.pages["BrakePedal"] == 55.0


def test_only_the_newest_gaps_are_kept(folder: Path) -> None:
    _, channel = observed(folder)
    for number in range(GAPS + 100):
        channel.take(heard(number * MS * 10, Frame(LAMPS, bytes(2))))
    assert len(channel.messages[LAMPS].gaps) == GAPS


@pytest.mark.parametrize(
    "item",
    [
        Overrun(0, 3),
        Trouble(0, "unplugged"),
        heard(0, Answer(Operation.NEW_VEHICLE, 1, Status.DONE).frame()),
    ],
    ids=["overrun", "unplugged", "new vehicle"],
)
def test_after_a_break_any_counter_may_come_and_the_silence_is_no_cycle(
    folder: Path, plans: ObservedChannel, item: Overrun | Trouble
) -> None:
    plan = plans.messages[PEDALS].plan
    _, channel = observed(folder, more='[served]\nchannel = "can"')
    message = channel.messages[PEDALS]
    for time, counter in ((10, 1), (20, 2)):
        channel.take(heard(time * MS, pedals(plan, counter, 0.0)))
    channel.take(item._replace(time=25 * MS))
    for time, counter in ((60, 9), (70, 10)):
        channel.take(heard(time * MS, pedals(plan, counter, 0.0)))
    assert message.counter_wrong == 0 and list(message.gaps) == [10 * MS, 10 * MS]
    assert message.count == 4 and message.pauses == 0


# -- channels ----------------------------------------------------------------------------------------------------------


def test_stimulation_is_known_where_a_vehicle_is_served_and_nowhere_else(folder: Path) -> None:
    frames = [Request(Operation.HELLO).frame(), Answer(Operation.HELLO, 0, Status.DONE, 2).frame()]
    for more, known in (('[served]\nchannel = "can"', True), ("", False)):
        _, channel = observed(folder, more)
        for frame in frames:
            channel.take(heard(MS, frame))
        assert (channel.stimulations, len(channel.unknown)) == ((2, 0) if known else (0, 2))


@settings(deadline=None)
@given(st.lists(st.integers(0, 3 * MOST_UNKNOWN), max_size=40), st.integers(0, MOST_UNKNOWN))
def test_unknown_identifiers_are_counted_each_up_to_a_bound(folder: Path, keys: list[int], others: int) -> None:
    _, channel = observed(folder)
    every = [0x1000 + number for number in range(MOST_UNKNOWN - others)] + [0x2000 + key for key in keys]
    for time, identifier in enumerate(every):
        channel.take(heard(time, Frame(identifier, b"\x01", extended=True)))
    assert len(channel.unknown) <= MOST_UNKNOWN
    assert sum(each.count for each in channel.unknown.values()) + channel.other_unknown == len(every)
    assert channel.other_unknown == 0 or len(channel.unknown) == MOST_UNKNOWN
    for key, unknown in channel.unknown.items():
        assert unknown.count == every.count(key & ~EXTENDED)


def test_what_the_adapter_says_of_the_bus_is_kept(folder: Path) -> None:
    _, channel = observed(folder)
    for item in (
        Error(1, "stuff"), Error(2, "ack"), Error(3, "ack"), State(4, ErrorState.PASSIVE, "TEC 130"), Overrun(5, 7),
        Overrun(6, 0), Trouble(7, "unplugged"),
    ):  # fmt: skip
        channel.take(item)
    assert dict(channel.errors) == {"stuff": 1, "ack": 2}
    assert (channel.state, channel.state_text, channel.overruns) == (ErrorState.PASSIVE, "TEC 130", 8)
    assert channel.trouble == "unplugged"
    channel.take(Trouble(8, ""))
    assert channel.trouble == ""


def test_can_fd_on_a_classic_channel_is_counted_and_breaks_nothing(folder: Path) -> None:
    observation, channel = observed(folder)
    channel.take(heard(MS, Frame(PEDALS, bytes(12), fd=True)))
    assert channel.count == 1
    assert snapshot(observation, 2 * MS, Wanted()).channels[0].load == 0.0


# -- load --------------------------------------------------------------------------------------------------------------

GAPS_NS = st.one_of(st.integers(0, 400 * MS), st.sampled_from([0, 50, 100, 150, 900, 950, 1000, 1050]).map(MS.__mul__))
FRAMES = st.lists(st.tuples(GAPS_NS, st.integers(0, 5 * MS)), max_size=60)


@settings(deadline=None)
@given(FRAMES, st.integers(0, 3_000 * MS))
def test_load_is_that_of_the_last_whole_second(frames: list[tuple[int, int]], later: int) -> None:
    load = Load()
    time, seen = 0, []
    for gap, busy in frames:
        time += gap
        seen.append((time, busy))
        load.add(time, busy)
    now = time + later
    end = now // PART_NS * PART_NS
    first = seen[0][0] // PART_NS * PART_NS if seen else 0
    begin = max(end - 1_000 * MS, first)
    inside = [busy for at, busy in seen if begin <= at < end]
    share, rate = load.at(now)
    if inside:
        assert share == pytest.approx(sum(inside) / (end - begin))
        assert rate == round(len(inside) * 1e9 / (end - begin))
    else:
        assert (share, rate) == (0.0, 0)


@settings(deadline=None)
@given(FRAMES)
def test_the_peak_is_that_of_the_fullest_second_before_the_newest_tenth(frames: list[tuple[int, int]]) -> None:
    load = Load()
    time, seen = 0, []
    for gap, busy in frames:
        time += gap
        seen.append((time, busy))
        load.add(time, busy)
    newest = time // PART_NS
    windows = [
        sum(busy for at, busy in seen if begin <= at // PART_NS < min(begin + 10, newest))
        for begin in range(-10, newest + 1)
    ]
    assert load.peak == pytest.approx(max(windows, default=0) / 1e9)


def test_a_channels_load_is_made_of_exact_frame_lengths(folder: Path) -> None:
    observation, channel = observed(folder)
    frame = Frame(LAMPS, b"\x01\x02")
    lengths = Lengths(BitTimes(500_000, None))
    for number in range(3_000):
        channel.take(heard(number * MS, frame))
    row = snapshot(observation, 3_000 * MS, Wanted()).channels[0]
    assert row.load == pytest.approx((lengths[frame][1] + 3 * 2_000) / MS)  # with the intermission of 3 bits
    assert row.frames_per_s == 1000


# -- what is measured --------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.lists(st.integers(1 * MS, 50 * MS), min_size=1, max_size=120))
def test_mean_and_jitter_are_those_of_the_gaps(folder: Path, gaps: list[int]) -> None:
    observation, channel = observed(folder)
    time = 0
    for gap in [0, *gaps]:
        time += gap
        channel.take(heard(time, Frame(PEDALS, bytes(4))))
    row = snapshot(observation, time, Wanted()).messages[0]
    assert row.mean_ns == round(sum(gaps) / len(gaps))
    off = [abs(gap - 10 * MS) for gap in gaps]
    assert row.jitter_ns in off
    assert sum(each <= row.jitter_ns for each in off) >= ceil(JITTER_SHARE * len(off))
    assert sum(each < row.jitter_ns for each in off) < ceil(JITTER_SHARE * len(off))


def test_a_cyclic_message_is_stale_after_five_cycles_and_another_one_never(folder: Path) -> None:
    observation, channel = observed(folder)
    channel.take(heard(0, Frame(PEDALS, bytes(4))))
    channel.take(heard(0, Frame(SWITCH, bytes(1))))
    for now, stale in ((50 * MS, False), (50 * MS + 1, True)):
        shot = snapshot(observation, now, Wanted())
        assert {row.name: row.stale for row in shot.messages} == {"Pedals": stale, "Switch": False}
