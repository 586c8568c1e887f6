"""The frames of a message or a channel, and the largest load of a span."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from harness.bench import Bench
from harness.bench.accounting import Accounting
from harness.bench.traffic import traffic
from harness.errors import BusError, ConfigError, UnknownSignalError
from harness.units import Duration, ms, percent
from harness.wall import WallLoop


def test_a_message_says_who_sends_it_and_how(lamp: Bench) -> None:
    pedals, lamps = lamp.traffic("Pedals"), lamp.traffic("can.Lamps")
    assert (pedals.name, pedals.channel, pedals.sender, pedals.cycle, pedals.length) == (
        "Pedals", "can", "PEDAL", 10 * ms, 4,
    )  # fmt: skip
    assert pedals.signals == ("Pedals.PedalsCrc", "Pedals.PedalsCounter", "Pedals.BrakePedal")
    assert (pedals.on_event, lamps.sender) == (False, "LAMP")
    assert pedals.frames == ()


def test_frames_times_and_gaps(lamp: Bench) -> None:
    lamp.wait(95 * ms)
    pedals = lamp.traffic("Pedals")
    assert len(pedals.frames) in (9, 10)
    assert all(isinstance(time, Duration) for time in pedals.times)
    assert pedals.times == tuple(rx.time for rx in pedals.frames)
    assert len(pedals.gaps) == len(pedals.frames) - 1
    # Its counter and checksum change the number of stuff bits from frame to frame.
    assert all(abs(gap - 10 * ms) < 0.03 * ms for gap in pedals.gaps)


def test_how_exact_times_are_is_asked_when_everybody_has_told(lamp: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A served vehicle says twenty times a second how late it was."""
    lamp.wait(95 * ms)
    accounting = Accounting({"can": 1_000}, ["served vehicle"])
    asked: list[int] = []

    def settle() -> None:
        asked.append(1)
        accounting.served["served vehicle"].note(95_000_000, 7_000_000)

    accounting.settle = settle
    live = SimpleNamespace(accounting=accounting, loop=WallLoop())
    monkeypatch.setattr(lamp.world, "live", live)
    with live.loop.held():
        assert traffic(lamp.world, "Pedals").times[-1].uncertainty_ns == 1_000, "it stands still"
    pedals = traffic(lamp.world, "Pedals")
    assert len(pedals.frames) > 8 and asked == []
    assert [each.uncertainty_ns for each in pedals.times] == [7_001_000] * len(pedals.frames)
    assert pedals.since(50 * ms).gaps[0].uncertainty_ns == 14_002_000
    assert asked == [1]


def test_since_counts_the_instant_itself(lamp: Bench) -> None:
    lamp.wait(50 * ms)
    pedals = lamp.traffic("Pedals")
    third = pedals.times[2]
    assert pedals.since(third).times == pedals.times[2:]
    assert pedals.since(third).cycle == pedals.cycle
    assert pedals.since(lamp.now).frames == ()


def test_it_is_a_record_and_does_not_grow(lamp: Bench) -> None:
    lamp.wait(20 * ms)
    before = lamp.traffic("Pedals")
    seen = len(before.frames)
    lamp.wait(20 * ms)
    assert len(before.frames) == seen < len(lamp.traffic("Pedals").frames)


def test_a_channel_has_all_frames_of_its_messages(lamp: Bench) -> None:
    lamp.set("BrakePedal", 50 * percent)
    lamp.wait(200 * ms)
    everything = lamp.traffic("can")
    assert (everything.cycle, everything.sender, everything.signals) == (None, "", ())
    assert sorted(lamp.messages("can")) == ["Lamps", "Pedals", "Switch"]
    assert len(everything.frames) == sum(len(lamp.traffic(name).frames) for name in lamp.messages("can")) > 20
    assert everything.times == tuple(sorted(everything.times))


def test_wrong_names_are_refused(lamp: Bench) -> None:
    with pytest.raises(UnknownSignalError, match="did you mean 'Pedals'"):
        lamp.traffic("Pedal")
    with pytest.raises(ConfigError, match="no channel 'cam'"):
        lamp.messages("cam")


def test_peak_load_is_no_less_than_the_load_of_any_window(lamp: Bench) -> None:
    seen = []
    for _ in range(40):
        lamp.wait(1 * ms)
        if lamp.now >= 15 * ms:
            seen.append(lamp.load("can", 5 * ms))
    peak = lamp.peak_load("can", 5 * ms, 10 * ms)
    assert max(seen) <= peak < 0.2
    assert min(seen) < peak
    with pytest.raises(BusError, match="no window"):
        lamp.peak_load("can", 50 * ms, 10 * ms)
