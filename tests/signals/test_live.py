"""Live signals: value, age, validity, history; and that nothing is decoded which nobody looks at."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import SignalError
from harness.frames import Frame, Received
from harness.signals.live import LiveSignal, Sample
from tests.signals.small_car import CELLS, KEY, LAMPS, MOTION, MS, PEDALS, SmallCar


@pytest.fixture
def car() -> SmallCar:
    return SmallCar()


def test_before_the_first_frame_there_is_nothing(car: SmallCar) -> None:
    pedal = car.powertrain.signal("BrakePedal")
    assert (pedal.value, pedal.raw, pedal.text, pedal.time, pedal.age, pedal.frame, pedal.sample) == (None,) * 7
    assert not pedal.valid
    assert pedal.invalid_reason == "never received"
    assert pedal.history == []
    assert pedal.sample_at(10**12) is None
    assert repr(pedal) == "<powertrain.Pedals.BrakePedal: never received>"


def test_value_raw_text_time_age_and_frame(car: SmallCar) -> None:
    rx = car.send(5 * MS, LAMPS, BrakeLamp="On", Gear="D")
    gear = car.powertrain.signal("Gear")
    car.loop.run_until(12 * MS)
    assert (gear.value, gear.raw, gear.text, gear.time, gear.age, gear.frame) == (3, 3, "D", 5 * MS, 7 * MS, rx)
    assert gear.sample == Sample(5 * MS, 3, 3, "D")
    assert repr(gear) == "<powertrain.Lamps.Gear: D (3) at 5 ms>"
    car.send(13 * MS, PEDALS, BrakePedal=40)
    assert repr(car.powertrain.signal("BrakePedal")) == "<powertrain.Pedals.BrakePedal: 40 % at 13 ms>"
    assert str(gear.age) == "8 ms"


def test_a_value_without_a_label_has_no_text(car: SmallCar) -> None:
    car.send_raw(0, LAMPS, b"\x0a")
    assert (car.powertrain.signal("Gear").raw, car.powertrain.signal("Gear").text) == (5, None)


def test_valid_for_five_cycles_and_not_a_nanosecond_more(car: SmallCar) -> None:
    pedal = car.powertrain.signal("BrakePedal")
    car.send(1 * MS, PEDALS)
    car.loop.run_until(51 * MS)
    assert (pedal.timeout, pedal.valid) == (50 * MS, True)
    car.loop.run_until(51 * MS + 1)
    assert pedal.valid is False
    assert pedal.invalid_reason == "last received 50.000001 ms ago, which is more than 5 cycles"
    car.send(52 * MS, PEDALS)
    assert pedal.valid


@pytest.mark.parametrize(
    ("send_type", "cyclic"),
    [
        ("", True),
        ("Cyclic", True),
        ("cyclicAndOnChange", True),
        ("cyclicAndSpontaneous", True),
        ("cyclicIfActive", False),
        ("onChange", False),
        ("spontaneous", False),
        ("noMsgSendType", False),
    ],
)
def test_only_what_is_always_sent_can_time_out(send_type: str, cyclic: bool, car: SmallCar) -> None:
    live = LiveSignal(car.powertrain, replace(PEDALS, send_type=send_type), PEDALS.signal("BrakePedal"))
    assert live.timeout == (50 * MS if cyclic else None)


def test_a_message_that_is_not_cyclic_stays_valid(car: SmallCar) -> None:
    car.send(0, KEY, KeyOn=1)
    car.loop.run_until(3_600_000 * MS)
    assert car.powertrain.signal("KeyOn").valid


def test_of_a_multiplexed_signal_the_last_frame_that_carried_it_counts(car: SmallCar) -> None:
    cell_a, cell_b = car.powertrain.signal("CellA"), car.powertrain.signal("CellB")
    car.send(1 * MS, CELLS, Page=0, CellA=3.5)
    assert (cell_a.value, cell_b.value) == (3.5, None)
    assert cell_b.invalid_reason == "never received; the frame at 1 ms: 0x18FF0200x does not carry it"
    car.send(2 * MS, CELLS, Page=1, CellB=3.75)
    car.send(3 * MS, CELLS, Page=1, CellB=3.5)
    assert (cell_a.value, cell_a.time) == (3.5, 1 * MS)
    assert (cell_b.value, cell_b.time) == (3.5, 3 * MS)
    assert [sample.time for sample in cell_b.history] == [2 * MS, 3 * MS]
    assert cell_b.sample_at(2 * MS) == Sample(2 * MS, 3750, 3.75, None)
    assert car.powertrain.signal("Page").value == 1


def test_frames_that_cannot_be_decoded_do_not_count(car: SmallCar) -> None:
    speed = car.powertrain.signal("Speed")
    car.send_raw(1 * MS, MOTION, bytes(3))
    assert speed.invalid_reason == "never received; the frame at 1 ms: message 'Motion' has 8 bytes, the frame has 3"
    car.send(2 * MS, MOTION, Speed=50)
    car.send_raw(3 * MS, MOTION, b"")
    car.send_raw(4 * MS, MOTION, b"", remote=True)
    assert (speed.value, speed.time) == (50.0, 2 * MS)
    assert speed.valid
    car.loop.run_until(60 * MS)
    assert speed.invalid_reason == (
        "last received 58 ms ago, which is more than 5 cycles; the frame at 4 ms: 0x120 does not carry it"
    )


def test_nothing_is_decoded_that_nobody_looks_at(car: SmallCar, monkeypatch: pytest.MonkeyPatch) -> None:
    pedal = car.powertrain.signal("BrakePedal")
    decoded: list[bytes] = []
    read = pedal._read

    def counting(data: bytes) -> int | float | None:
        decoded.append(data)
        return read(data)

    monkeypatch.setattr(pedal, "_read", counting)
    for cycle in range(100):
        car.send(cycle * MS, PEDALS, BrakePedal=cycle)
    assert not decoded
    assert pedal.value == pytest.approx(99, abs=0.21)
    assert pedal.text is None
    assert pedal.valid
    assert len(decoded) == 1


def test_a_frame_is_decoded_once_however_often_it_is_looked_at(car: SmallCar, monkeypatch: pytest.MonkeyPatch) -> None:
    cell = car.powertrain.signal("CellA")
    decoded: list[bytes] = []
    read = cell._read

    def counting(data: bytes) -> int | float | None:
        decoded.append(data)
        return read(data)

    monkeypatch.setattr(cell, "_read", counting)
    for cycle in range(100):
        car.send(cycle * MS, CELLS, Page=min(cycle, 1))
        assert (cell.raw, cell.time) == (0, 0)
    assert len(decoded) == 100


@st.composite
def sent(draw: st.DrawFn) -> list[tuple[int, int]]:
    """Times and the value of each frame; None stands for one that cannot be decoded."""
    gaps = draw(st.lists(st.tuples(st.integers(0, 30), st.integers(-1, 250)), max_size=30))
    time, found = 0, []
    for gap, raw in gaps:
        time += gap
        found.append((time, raw))
    return found


@given(sent(), st.integers(0, 1000), st.lists(st.booleans(), min_size=30, max_size=30))
def test_history_agrees_with_all_frames_whenever_it_is_looked_at(
    frames: list[tuple[int, int]], time: int, looks: list[bool]
) -> None:
    car = SmallCar()
    pedal = car.powertrain.signal("BrakePedal")
    expected: list[Sample] = []
    for (at, raw), look in zip(frames, looks, strict=False):
        car.send_raw(at, PEDALS, bytes((raw, 0)) if raw >= 0 else b"")
        if raw >= 0:
            expected.append(Sample(at, raw, raw * 0.4, None))
        if look:
            assert pedal.sample == (expected[-1] if expected else None)
    assert pedal.history == expected
    assert pedal.sample == (expected[-1] if expected else None)
    assert pedal.samples_since(time) == [sample for sample in expected if sample.time >= time]
    before = [sample for sample in expected if sample.time <= time]
    assert pedal.sample_at(time) == (before[-1] if before else None)


def test_the_history_ends_with_the_trace_but_the_value_stays(car: SmallCar) -> None:
    key, pedal = car.powertrain.signal("KeyOn"), car.powertrain.signal("BrakePedal")
    car.send(0, KEY, KeyOn=1)
    for second in range(200):
        car.send(second * 1000 * MS, PEDALS)
    assert (key.text, [sample.time for sample in key.history]) == ("On", [0])
    assert 60 <= len(pedal.history) <= 70


def test_a_live_signal_has_no_truth_value(car: SmallCar) -> None:
    lamp = car.powertrain.signal("BrakeLamp")
    with pytest.raises(SignalError, match=r'bench.signal\("BrakeLamp"\) == ...'):
        assert lamp
    with pytest.raises(TypeError):
        _ = not lamp


def test_it_is_a_key_of_dicts_and_sets_but_not_to_be_searched_in_lists(car: SmallCar) -> None:
    lamp, gear = car.powertrain.signal("BrakeLamp"), car.powertrain.signal("Gear")
    assert {lamp: 1, gear: 2}[gear] == 2
    assert len({lamp, gear, lamp}) == 2
    with pytest.raises(SignalError, match="no truth value"):
        _ = gear in [lamp]
    with pytest.raises(SignalError, match="no truth value"):
        [lamp].index(gear)
    with pytest.raises(SignalError, match="no truth value"):
        _ = lamp in ("On", "Off")


def test_received_frames_of_other_identifiers_do_not_matter(car: SmallCar) -> None:
    pedal = car.powertrain.signal("BrakePedal")
    car.powertrain.receive(Received(0, "powertrain", Frame(0x100, bytes(2), extended=True), "X"))
    assert pedal.value is None
