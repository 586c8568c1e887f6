"""Profiles played: on the virtual clock, on the wall clock, and on a supply by a thread."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event
from typing import Any

import pytest
from emulated import supply_spec

from harness.errors import InstrumentError, SimulationError
from harness.instruments import open_instrument
from harness.instruments.cranking import starting_profile
from harness.instruments.playing import LoopPlayer, SupplyPlayer
from harness.instruments.profile import Profile
from harness.loop import Loop
from harness.plant import Plant, Role
from harness.units import V, ms, s
from harness.wall import WallLoop

DIP = Profile.of("dip", [(0 * ms, 12 * V), (15 * ms, 6 * V), (30 * ms, 13 * V)])


class Supply:
    """A supply that needs its time: of the clock that it shares with the player."""

    name = "supply"
    max_voltage = 15.0

    def __init__(self, takes: int = 0) -> None:
        self.now = 0
        self.takes = takes
        self.set: list[tuple[int, float]] = []

    def clock(self) -> int:
        self.now += 1_000_000  # time passes as one looks at it
        return self.now

    def set_voltage(self, voltage: Any, *, note: bool = True) -> None:
        assert not note
        self.set.append((self.now, voltage.to("V")))
        self.now += self.takes


# -- on a loop ---------------------------------------------------------------------------------------------------------


def test_in_virtual_time_the_plant_is_the_supply() -> None:
    class Car(Plant):
        roles = (Role("supply_voltage", "V", 12.6),)

    loop, car = Loop(), Car()
    seen: list[tuple[int, float]] = []
    car.on_change("supply_voltage", lambda volts: seen.append((loop.now, volts)))
    loop.run_until(5 * ms)
    player = LoopPlayer(DIP, loop, lambda voltage: car.__setitem__("supply_voltage", voltage))
    loop.run_until(20 * ms)
    assert not player.done and not player.report.complete
    loop.run_until(1 * s)
    assert player.done and player.report.complete
    assert seen == [(5_000_000, 12.0), (20_000_000, 6.0), (35_000_000, 13.0)]
    assert [each.late for each in player.report.played] == [0, 0, 0]
    assert str(player.report) == "profile 'dip': 3 set points in 30 ms, 6 to 13 V; worst lateness 0 s"


def test_it_can_be_broken_off() -> None:
    loop, seen = Loop(), []
    player = LoopPlayer(DIP, loop, seen.append)
    loop.run_until(20 * ms)
    player.stop()
    loop.run_until(1 * s)
    assert len(seen) == 2 and "broken off after 2" in str(player.report)


def test_what_the_supply_raises_stops_the_world() -> None:
    loop = Loop()

    def apply(voltage: Any) -> None:
        raise ValueError("no")

    LoopPlayer(DIP, loop, apply)
    with pytest.raises(SimulationError, match="ValueError: no"):
        loop.run_until(1 * s)


def test_limits_are_checked_before_the_first_set_point() -> None:
    loop, seen = Loop(), []
    with pytest.raises(InstrumentError, match=r"at most 12.5 V, got 13 V at 30 ms; nothing was set"):
        LoopPlayer(DIP, loop, seen.append, max_voltage=12.5)
    loop.run_until(1 * s)
    assert not seen


def test_on_the_wall_clock_lateness_is_measured() -> None:
    with WallLoop() as loop:
        seen: list[Any] = []
        player = LoopPlayer(DIP, loop, seen.append)
        loop.run_until(loop.elapsed + 10 * s, lambda: player.done)
        assert [voltage.to("V") for voltage in seen] == [12.0, 6.0, 13.0]
        assert all(each.late is not None and each.late > 0 for each in player.report.played)
        assert player.report.worst_late_ns == max(each.late or 0 for each in player.report.played)


def test_a_whole_starting_profile_takes_no_time_in_virtual_time() -> None:
    loop, seen = Loop(), []
    profile = starting_profile("II")
    LoopPlayer(profile, loop, lambda voltage: seen.append((loop.now, voltage.to("V"))))
    loop.run_until(11 * s)
    assert seen == [tuple(point) for point in profile]


# -- on a supply -------------------------------------------------------------------------------------------------------


def test_a_quick_supply_gets_every_set_point_in_its_time() -> None:
    supply, notes = Supply(), []
    player = SupplyPlayer(DIP, supply, note=notes.append, clock=supply.clock)  # type: ignore[arg-type]
    report = player.wait()
    assert player.done and report.complete and report.left_out == 0
    assert [volts for _, volts in supply.set] == [12.0, 6.0, 13.0]
    assert [point.due for point in report.played] == [0, 15_000_000, 30_000_000]
    assert notes == [f"supply: {report}"] and "worst lateness" in notes[0]


def test_a_slow_supply_leaves_out_what_is_overtaken_and_says_how_late_it_was() -> None:
    ramp = Profile.of("ramp", [(number * ms, float(number)) for number in range(15)])
    supply = Supply(takes=5_000_000)
    report = SupplyPlayer(ramp, supply, clock=supply.clock).wait()  # type: ignore[arg-type]
    assert report.complete and report.left_out > 5
    assert supply.set[-1][1] == 14.0  # the last set point is never left out
    assert len(supply.set) + report.left_out == 15
    assert report.worst_late_ns >= 5_000_000
    assert f"{report.left_out} left out" in str(report)


def test_limits_of_the_supply_are_checked_before_the_first_set_point() -> None:
    supply = Supply()
    with pytest.raises(InstrumentError, match="at most 15 V, got 16 V"):
        SupplyPlayer(Profile.of("high", [(0 * ms, 12 * V), (1 * ms, 16 * V)]), supply)  # type: ignore[arg-type]
    assert not supply.set


def test_broken_off_the_supply_keeps_its_voltage() -> None:
    supply = Supply()
    long = Profile.of("long", [(0 * ms, 12 * V), (3000 * s, 6 * V)])
    first = Event()
    normal = supply.set_voltage
    supply.set_voltage = lambda voltage, note: (normal(voltage, note=note), first.set())  # type: ignore[assignment, method-assign]
    player = SupplyPlayer(long, supply)  # type: ignore[arg-type]
    assert first.wait(10) and not player.done
    report = player.stop()
    assert not report.complete and [volts for _, volts in supply.set] == [12.0]


@pytest.mark.parametrize("error", [InstrumentError("gone"), SystemExit(), ValueError("no")])
def test_a_supply_that_fails_is_never_lost(error: BaseException) -> None:
    supply, failures, notes = Supply(), [], []

    def failing(voltage: Any, *, note: bool) -> None:
        raise error

    supply.set_voltage = failing  # type: ignore[method-assign]
    player = SupplyPlayer(DIP, supply, note=notes.append, on_failure=failures.append)  # type: ignore[arg-type]
    with pytest.raises(InstrumentError, match=r"^dip: "):
        player.wait()
    with pytest.raises(InstrumentError):
        player.stop()
    assert len(failures) == 1 and isinstance(failures[0], InstrumentError)
    assert "broken off after 0" in notes[0]


# -- against the emulator ----------------------------------------------------------------------------------------------


@pytest.fixture
def emulated() -> Iterator[Any]:
    pytest.importorskip("serial", reason="instruments need pyserial")
    emulators = pytest.importorskip("harness.instruments.emulators", reason="pseudo-terminals exist on POSIX only")
    with emulators.SupplyEmulator() as emulator:
        yield emulator


def test_a_cranking_pulse_on_a_real_port(emulated: Any) -> None:
    supply: Any = open_instrument(supply_spec(emulated.port))
    profile = starting_profile("I", step=20 * ms)
    report = SupplyPlayer(profile, supply).wait()
    supply.disconnect()
    sent = [float(command.removeprefix("VOLT ")) for command in emulated.received if command.startswith("VOLT ")]
    assert sent == pytest.approx([each.voltage for each in report.played if each.late is not None], abs=0.001)
    assert report.complete and emulated.output.set_voltage == 12.0 and not emulated.output.on


def test_a_supply_that_dies_in_the_middle(emulated: Any) -> None:
    supply: Any = open_instrument(supply_spec(emulated.port))
    player = SupplyPlayer(starting_profile("II", step=20 * ms), supply)
    emulated.wait_for(lambda: "VOLT 4.5" in emulated.received)
    emulated.unplug()
    with pytest.raises(InstrumentError, match="its port is gone"):
        player.wait()
    supply.disconnect()
