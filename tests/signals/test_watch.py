"""Watches: what happened since the reference point counts, whether it came before or after the watch was opened."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.signals.live import LiveSignal, Sample
from harness.signals.predicate import Predicate
from harness.signals.watch import SEEN, Watch
from tests.signals.small_car import CELLS, CLUSTER, KEY, LAMPS, MOTION, MS, PEDALS, SmallCar


@pytest.fixture
def car() -> SmallCar:
    return SmallCar()


def test_a_state_that_already_holds_is_satisfied_at_the_reference_point(car: SmallCar) -> None:
    car.send(0, LAMPS, BrakeLamp="On")
    car.loop.run_until(15 * MS)
    watch = Watch(car.powertrain.signal("BrakeLamp") == "On", since=10 * MS)
    assert (watch.satisfied_at, watch.violated_at, watch.has_data) == (10 * MS, None, True)
    assert list(watch.seen) == [(10 * MS, {"BrakeLamp": Sample(0, 1, 1, "On")})]
    assert watch.satisfied_by == {"BrakeLamp": Sample(0, 1, 1, "On")}


def test_what_came_before_the_watch_counts(car: SmallCar) -> None:
    car.send(0, LAMPS, BrakeLamp="Off")
    car.send(20 * MS, LAMPS, BrakeLamp="On")
    car.send(40 * MS, LAMPS, BrakeLamp="Off")
    watch = Watch(car.powertrain.signal("BrakeLamp") == "On", since=10 * MS)
    assert (watch.satisfied_at, watch.violated_at) == (20 * MS, 10 * MS)
    assert watch.satisfied_by == {"BrakeLamp": Sample(20 * MS, 1, 1, "On")}
    assert watch.violated_by == {"BrakeLamp": Sample(0, 0, 0, "Off")}


def test_an_edge_must_come_after_the_reference_point(car: SmallCar) -> None:
    lamp = car.powertrain.signal("BrakeLamp")
    car.send(0, LAMPS, BrakeLamp="Off")
    car.send(20 * MS, LAMPS, BrakeLamp="On")
    assert Watch(lamp.changes(to="On"), since=0).satisfied_at == 20 * MS
    watch = Watch(lamp.changes(to="On"), since=20 * MS)
    received = Watch(lamp.received(), since=20 * MS)
    assert (watch.satisfied_at, received.satisfied_at) == (None, None)
    car.send(40 * MS, LAMPS, BrakeLamp="On")
    assert (watch.satisfied_at, received.satisfied_at) == (None, 40 * MS)
    car.send(60 * MS, LAMPS, BrakeLamp="Off")
    car.send(80 * MS, LAMPS, BrakeLamp="On")
    assert watch.satisfied_at == 80 * MS


def test_no_edge_stays_true_until_there_is_one(car: SmallCar) -> None:
    lamp = car.powertrain.signal("BrakeLamp")
    car.send(0, LAMPS, BrakeLamp="Off")
    watch = Watch(~lamp.changes(), since=0)
    car.send(20 * MS, LAMPS, BrakeLamp="Off")
    assert watch.violated_at is None
    car.send(40 * MS, LAMPS, BrakeLamp="On")
    assert watch.violated_at == 40 * MS


def test_no_data_is_neither_true_nor_false(car: SmallCar) -> None:
    watch = Watch(car.powertrain.signal("BrakeLamp") == "On", since=0)
    assert (watch.satisfied_at, watch.violated_at, watch.has_data) == (None, 0, False)
    assert watch.availability() == "BrakeLamp (Lamps on powertrain, every 20 ms): never received"
    car.send(3 * MS, LAMPS, BrakeLamp="Off")
    assert (watch.satisfied_at, watch.has_data) == (None, True)
    assert watch.availability() == "BrakeLamp (Lamps on powertrain, every 20 ms): last received 0 s ago"


def test_nothing_stays_true_because_its_sender_died(car: SmallCar) -> None:
    car.send(0, LAMPS, BrakeLamp="On")
    car.send(20 * MS, LAMPS, BrakeLamp="On")
    watch = Watch(car.powertrain.signal("BrakeLamp") == "On", since=5 * MS)
    car.loop.run_until(120 * MS)
    violated = [watch.violated_at]
    car.loop.run_until(120 * MS + 1)
    assert [*violated, watch.violated_at] == [None, 120 * MS + 1]
    assert watch.violated_by == {"BrakeLamp": None}


def test_a_gap_in_the_past_is_a_violation_too(car: SmallCar) -> None:
    car.send(0, LAMPS, BrakeLamp="On")
    car.send(200 * MS, LAMPS, BrakeLamp="On")
    lamp = car.powertrain.signal("BrakeLamp")
    assert Watch(lamp == "On", since=50 * MS).violated_at == 100 * MS + 1
    assert Watch(lamp == "On", since=100 * MS).satisfied_at == 100 * MS
    assert Watch(lamp == "On", since=100 * MS + 1).satisfied_at == 200 * MS
    assert Watch(lamp == "On", since=150 * MS).violated_at == 150 * MS
    assert Watch(lamp == "On", since=150 * MS).satisfied_at == 200 * MS
    assert Watch(lamp == "On", since=200 * MS).violated_at is None


def test_a_message_that_is_not_cyclic_may_be_silent(car: SmallCar) -> None:
    car.send(0, KEY, KeyOn=1)
    watch = Watch(car.powertrain.signal("KeyOn") == "On", since=5 * MS)
    car.loop.run_until(100_000 * MS)
    assert watch.violated_at is None


def test_all_signals_of_a_frame_are_updated_before_it_is_judged(car: SmallCar) -> None:
    brake, accelerator = car.powertrain.signal("BrakePedal"), car.powertrain.signal("Accelerator")
    car.send(0, PEDALS, BrakePedal=0, Accelerator=100)
    watch = Watch((brake > 10) | (accelerator > 10), since=0)
    both = Watch((brake > 10) & (accelerator > 10), since=0)
    car.send(10 * MS, PEDALS, BrakePedal=100, Accelerator=0)
    car.send(20 * MS, PEDALS, BrakePedal=0, Accelerator=100)
    assert watch.violated_at is None
    assert both.satisfied_at is None
    assert len(watch.seen) == 3


def test_signals_of_two_channels(car: SmallCar) -> None:
    speed, shown = car.powertrain.signal("Speed"), car.body.signal("Cluster.Speed")
    car.send(0, MOTION, Speed=36)
    car.send(1 * MS, CLUSTER, Speed=10)
    watch = Watch(speed == shown, since=1 * MS)
    car.send(10 * MS, MOTION, Speed=72)
    car.send(12 * MS, CLUSTER, Speed=20)
    assert (watch.satisfied_at, watch.violated_at) == (1 * MS, 10 * MS)
    assert list(watch.seen)[-1][1].keys() == {"Speed", "Cluster.Speed"}
    labels = Watch(car.powertrain.signal("Gear") == car.body.signal("Gear"), since=1 * MS).seen[0][1].keys()
    assert labels == {"powertrain.Lamps.Gear", "body.Cluster.Gear"}


def test_frames_that_do_not_carry_the_signal_are_not_judged(car: SmallCar) -> None:
    watch = Watch(car.powertrain.signal("CellA") > 3, since=0)
    car.send(1 * MS, CELLS, Page=1, CellB=3.5)
    assert len(watch.seen) == 1
    car.send(2 * MS, CELLS, Page=0, CellA=3.5)
    car.send_raw(3 * MS, CELLS, b"\x00")
    assert [time for time, _ in watch.seen] == [0, 2 * MS]
    assert watch.satisfied_at == 2 * MS


def test_closing_stops_it(car: SmallCar) -> None:
    lamp = car.powertrain.signal("BrakeLamp")
    watch, other = Watch(lamp == "On", since=0), Watch(lamp == "On", since=0)
    watch.close()
    watch.close()
    car.send(1 * MS, LAMPS, BrakeLamp="On")
    assert (watch.satisfied_at, other.satisfied_at) == (None, 1 * MS)


def test_what_comes_after_the_end_does_not_count(car: SmallCar) -> None:
    lamp = car.powertrain.signal("BrakeLamp")
    car.send(0, LAMPS, BrakeLamp="On")
    car.send(20 * MS, LAMPS, BrakeLamp="On")
    watches = [Watch(lamp == "On", since=10 * MS, until=end) for end in (40 * MS - 1, 40 * MS, None)]
    car.send(40 * MS, LAMPS, BrakeLamp="Off")
    late = [Watch(lamp == "On", since=10 * MS, until=end) for end in (40 * MS - 1, 40 * MS, None)]
    for found in (watches, late):
        assert [watch.violated_at for watch in found] == [None, 40 * MS, 40 * MS]
        assert [len(watch.seen) for watch in found] == [2, 3, 3]
    silent = [Watch(lamp == "Off", since=40 * MS, until=end) for end in (140 * MS, 140 * MS + 1)]
    car.loop.run_until(1000 * MS)
    assert [watch.violated_at for watch in silent] == [None, 140 * MS + 1]


def test_the_smallest_margin_is_kept(car: SmallCar) -> None:
    speed = car.powertrain.signal("Speed")
    watch = Watch(speed <= 100, since=0)
    assert watch.margin is None
    for cycle, value in enumerate([50, 90, 70]):
        car.send(cycle * 10 * MS, MOTION, Speed=value)
    assert watch.margin == pytest.approx(10)


def test_only_the_last_instants_are_remembered(car: SmallCar) -> None:
    watch = Watch(car.powertrain.signal("BrakeLamp") == "On", since=0)
    for cycle in range(100):
        car.send(cycle * MS, LAMPS)
    assert [time for time, _ in watch.seen] == [cycle * MS for cycle in range(100 - SEEN, 100)]


# -- against a slow and obvious model ----------------------------------------------------------------------------------

Sending = tuple[int, str, int]


@st.composite
def traffic(draw: st.DrawFn) -> list[Sending]:
    """Frames of three messages, in the order of time; -1 stands for one that cannot be decoded."""
    time, sendings = 0, []
    messages = st.sampled_from(["Pedals", "Lamps", "Key"])
    # Gaps around five cycles of the messages, so that signals do time out.
    gaps = st.sampled_from([1, 2, 10, 49, 50, 51, 60, 100, 130])
    for gap, message, raw in draw(st.lists(st.tuples(gaps, messages, st.integers(-1, 3)), max_size=25)):
        time += gap
        sendings.append((time * MS, message, raw))
    return sendings


def send(car: SmallCar, sending: Sending) -> None:
    time, name, raw = sending
    message = {"Pedals": PEDALS, "Lamps": LAMPS, "Key": KEY}[name]
    car.send_raw(time, message, bytes([raw] + [0] * (message.length - 1)) if raw >= 0 else b"")


PREDICATES: list[Callable[[LiveSignal, LiveSignal, LiveSignal], Predicate]] = [
    lambda brake, lamp, key: brake >= 0.8,
    lambda brake, lamp, key: (brake >= 0.8) & (lamp == "On"),
    lambda brake, lamp, key: (brake >= 0.8) | ~(lamp == "On"),
    lambda brake, lamp, key: (key == "On") & lamp.changes(to="On"),
    lambda brake, lamp, key: ~lamp.changes() | (key == "Off"),
    lambda brake, lamp, key: key.received(),
    lambda brake, lamp, key: brake.changes(),
]


Raws = dict[str, tuple[int, int] | None]
"""Time and raw value per message."""


def instants(frames: list[Sending], since: int, now: int) -> list[tuple[int, Raws, Raws]]:
    """Every instant to be judged, (time, values, values before), straight from the rules."""
    limits = {"Pedals": 50 * MS, "Lamps": 100 * MS}
    bits = {"Pedals": 0xFF, "Lamps": 1, "Key": 1}
    good = [sending for sending in frames if sending[2] >= 0]

    def state(time: int) -> Raws:
        last = {name: (at, raw & bits[name]) for at, name, raw in good if at <= time}
        return {name: seen for name, seen in last.items() if name not in limits or time - seen[0] <= limits[name]}

    expiries = {at + limits[name] + 1 for at, name, _ in good if name in limits}
    expired = {time for time in expiries if since < time <= now and state(time) != state(time - 1)}
    times = sorted(expired | {at for at, _, _ in good if at > since})
    states = [state(since), *map(state, times)]
    return list(zip([since, *times], states, states[:1] + states, strict=False))


@given(traffic(), st.sampled_from(PREDICATES), st.integers(0, 600), st.integers(0, 25), st.integers(0, 200))
def test_replay_online_and_the_rules_agree(
    frames: list[Sending],
    make: Callable[[LiveSignal, LiveSignal, LiveSignal], Predicate],
    since: int,
    opened: int,
    after: int,
) -> None:
    since *= MS
    late, early = SmallCar(), SmallCar()

    def predicate(car: SmallCar) -> Predicate:
        names = ("BrakePedal", "BrakeLamp", "KeyOn")
        return make(*(car.powertrain.signal(name) for name in names))

    past = [sending for sending in frames if sending[0] <= since]
    future = frames[len(past) :]
    for sending in past:
        send(early, sending)
        send(late, sending)
    online = Watch(predicate(early), since)
    for sending in future:
        send(early, sending)
    for sending in future[:opened]:
        send(late, sending)
    # Opened somewhere in the middle of the traffic: part of it is history, part still comes.
    if late.loop.now < since:
        late.loop.run_until(since)
    replayed = Watch(predicate(late), since)
    for sending in future[opened:]:
        send(late, sending)
    end = max(early.loop.now, late.loop.now, since) + after * MS
    early.loop.run_until(end)
    late.loop.run_until(end)

    def verdict(watch: Watch) -> tuple[int | None, int | None, bool]:
        return watch.satisfied_at, watch.violated_at, watch.has_data

    assert verdict(online) == verdict(replayed)
    assert list(online.seen) == list(replayed.seen)

    names = {"Pedals": "BrakePedal", "Lamps": "BrakeLamp", "Key": "KeyOn"}
    involved = {signal.message.name for signal in predicate(late).signals}
    signals = {name: late.powertrain.signal(names[name]) for name in involved}
    truths = [
        (time, predicate(late).holds(samples(signals, now), samples(signals, before)))
        for time, now, before in instants([sending for sending in frames if sending[1] in involved], since, end)
    ]
    satisfied = next((time for time, truth in truths if truth), None)
    violated = next((time for time, truth in truths if not truth), None)
    known = any(truth is not None for _, truth in truths)
    assert verdict(online) == (satisfied, violated, known)


def samples(signals: dict[str, LiveSignal], raws: Raws) -> dict[str, Sample | None]:
    found: dict[str, Sample | None] = {}
    for name, signal in signals.items():
        seen = raws.get(name)
        if seen is not None:
            time, raw = seen
            found[signal.path] = Sample(time, raw, signal.definition.to_physical(raw), signal.definition.text(raw))
    return found
