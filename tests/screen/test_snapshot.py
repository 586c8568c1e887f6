"""What is shown of what was observed: filtered, sorted, as plain text and as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from listened import MS, heard, observed, pedals

from harness.adapter.items import Error, State
from harness.bench import Blueprint
from harness.bus.port import ErrorState
from harness.frames import Frame
from harness.screen.cli_monitor import SORTS
from harness.screen.observed import Observation, Trouble
from harness.screen.plain import plain
from harness.screen.snapshot import MessageRow, Snapshot, Sort, Wanted, as_json, snapshot

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def vehicle() -> Observation:
    """The reference vehicle's two channels, each message seen a different number of times."""
    blueprint = Blueprint.load(ROOT / "benches" / "virtual.toml", code=False)
    observation = Observation(blueprint, {"powertrain": "kernel", "body": "host"}, 0)
    for channel in observation.channels.values():
        for number, (key, message) in enumerate(sorted(channel.messages.items())):
            definition = message.plan.message
            frame = Frame(definition.id, message.plan.start_payload, definition.extended, definition.fd)
            assert frame.key == key
            for count in range(number % 5):
                channel.take(heard(count * 10 * MS + number, frame))
    return observation


@pytest.fixture
def garage(tmp_path: Path) -> Snapshot:
    """A channel on which everything has happened."""
    observation, channel = observed(tmp_path)
    plan = channel.messages[160].plan
    for time in range(10):
        channel.take(heard(time * 10 * MS, pedals(plan, time, 40.0)))
    channel.take(heard(100 * MS, pedals(plan, 13, 41.0)))
    channel.take(heard(110 * MS, pedals(plan, 14, 41.5, crc_ok=False)))
    channel.take(heard(110 * MS, Frame(300, b"\x01\x32")))
    for number in range(5):
        channel.take(heard(120 * MS, Frame(0x700 + number, b"\xab")))
    channel.take(Error(121 * MS, "stuff"))
    channel.take(State(122 * MS, ErrorState.BUS_OFF, "TEC 256"))
    channel.take(Trouble(123 * MS, "unplugged"))
    return snapshot(observation, 1_000 * MS, Wanted())


# -- filter and order --------------------------------------------------------------------------------------------------


def matches(row: MessageRow, word: str) -> bool:
    texts = (row.name, row.sender, row.channel, f"0x{row.key & 0x1FFFFFFF:X}", *(signal.name for signal in row.signals))
    return any(word.casefold() in text.casefold() for text in texts)


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["brake", "GW", "body", "Lamp", "0x1", "zzz", "e"]), max_size=2),
    st.sampled_from(Sort),
    st.booleans(),
)
def test_a_filter_and_an_order_lose_nothing(vehicle: Observation, words: list[str], sort: Sort, unseen: bool) -> None:
    every = snapshot(vehicle, 100 * MS, Wanted(unseen=unseen))
    shot = snapshot(vehicle, 100 * MS, Wanted(" ".join(words), sort, unseen))
    assert len(shot.messages) + shot.hidden == len(every.messages)
    shown = {(row.channel, row.key) for row in shot.messages}
    for row in every.messages:
        if row.count:  # a message that has not come has no signals to be found by here
            assert ((row.channel, row.key) in shown) == (not words or any(matches(row, word) for word in words))
    assert unseen or all(row.count for row in shot.messages)


@pytest.mark.parametrize(
    ("sort", "key"),
    [
        (Sort.NAME, lambda row: row.name.casefold()),
        (Sort.SENDER, lambda row: row.sender.casefold()),
        (Sort.CYCLE, lambda row: row.cycle_ns or 10**20),
        (Sort.COUNT, lambda row: -row.count),
        (Sort.AGE, lambda row: 1 if row.age_ns is None else -row.age_ns),
        (Sort.JITTER, lambda row: 1 if row.jitter_ns is None else -row.jitter_ns),
        (Sort.WRONG, lambda row: -row.wrong),
    ],
)
def test_messages_come_in_the_order_that_was_asked_for(vehicle: Observation, sort: Sort, key: object) -> None:
    rows = snapshot(vehicle, 100 * MS, Wanted(sort=sort, unseen=True)).messages
    plain_order = snapshot(vehicle, 100 * MS, Wanted(unseen=True)).messages
    assert list(rows) == sorted(plain_order, key=key)  # type: ignore[arg-type]
    assert [row.channel for row in plain_order] == ["powertrain"] * 23 + ["body"] * 23
    for channel in ("powertrain", "body"):
        keys = [row.key for row in plain_order if row.channel == channel]
        assert keys == sorted(keys)


def test_the_command_line_offers_every_order() -> None:
    assert list(SORTS) == [sort.value for sort in Sort]


def test_a_signals_name_shows_that_signal_and_a_messages_name_all_of_them(vehicle: Observation) -> None:
    def signals(text: str) -> list[str]:
        shot = snapshot(vehicle, 100 * MS, Wanted(text))
        return [signal.name for row in shot.messages if row.name == "LampStatus" for signal in row.signals]

    assert signals("brakelamp") == ["BrakeLamp", "BrakeLampMonitor"]
    assert len(signals("lampstatus")) > 5


# -- values ------------------------------------------------------------------------------------------------------------


def test_values_have_units_labels_and_the_decimals_of_their_steps(garage: Snapshot) -> None:
    shown = {signal.name: signal.shown for row in garage.messages for signal in row.signals}
    assert shown["BrakePedal"] == "41.5 %" and shown["Level"] == "25.0 %" and shown["PedalsCounter"] == "14"
    assert [signal.name for signal in garage.messages[0].signals if signal.protective] == ["PedalsCrc", "PedalsCounter"]


def test_a_multiplexed_signal_keeps_its_value_while_other_pages_come() -> None:
    blueprint = Blueprint.load(ROOT / "benches" / "virtual.toml", code=False)
    observation = Observation(blueprint, {"powertrain": "kernel"}, 0)
    channel = observation.channels["powertrain"]
    message = next(each for each in channel.messages.values() if each.plan.message.name == "CellVoltages")
    plan, definition = message.plan, message.plan.message
    pages = sorted(plan.multiplexers["CellPage"])[:2]
    for time, page in enumerate(pages):
        raws = {**plan.start_values, "CellPage": page}
        channel.take(heard(time * MS, Frame(definition.id, plan.payload_of(raws), definition.extended)))
    names = {signal.name for signal in snapshot(observation, MS, Wanted()).messages[0].signals}
    for page in pages:
        carried = {signal.name for signal in plan.selected({**plan.start_values, "CellPage": page})}
        assert carried <= names


# -- as text and as JSON -----------------------------------------------------------------------------------------------


def test_plain_text_says_everything(garage: Snapshot) -> None:
    text = plain(garage)
    for part in (
        "bench garage, 1.0 s",
        "can virtual:garage; kernel stamps; 500 kbit/s; load ",
        "18 frames; 2 of 3 messages; adapter lost: unplugged; bus-off (TEC 256); 1 error frames (stuff 1)",
        "unknown: 0x700 1×, 0x701 1×, 0x702 1× and 2 more",
        "0x0A0  Pedals   PEDAL   10 ms  10.0 ms      0.0 ms     12  890 ms stale  CRC 1×, counter 1×",
        "    BrakePedal     41.5 %",
        "    BrakeLamp  On",
        "    ! wrong checksum",
    ):
        assert part in text, text
    assert all(line == line.rstrip() for line in text.splitlines())


def test_json_is_what_was_observed(garage: Snapshot) -> None:
    found = json.loads(json.dumps(as_json(garage), allow_nan=False))
    (channel,) = found["channels"]
    assert channel["unknown"][0] == {"id": "0x700", "count": 1, "age_ms": 880.0, "data": "ab"}
    assert channel["error_frames"] == {"stuff": 1} and channel["state"] == "bus-off"
    assert channel["trouble"] == "unplugged" and channel["stamps"] == "kernel"
    message = next(each for each in found["messages"] if each["name"] == "Pedals")
    assert message["cycle_ms"] == 10.0 and message["mean_ms"] == 10.0 and message["jitter_p99_ms"] == 0.0
    assert (message["count"], message["stale"], message["problem"]) == (12, True, "wrong checksum")
    assert (message["crc_wrong"], message["counter_wrong"], message["undecodable"]) == (1, 1, 0)
    assert message["signals"]["BrakePedal"] == {"value": 41.5, "label": None, "unit": "%"}
    lamp = next(each for each in found["messages"] if each["name"] == "Lamps")
    assert lamp["signals"]["BrakeLamp"] == {"value": 1, "label": "On", "unit": None}
