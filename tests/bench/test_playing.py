"""Voltage profiles on a bench in virtual time; on a supply they are tested with the emulator."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness import Bench, V, ms, s
from harness.bench.playing import Begun
from harness.errors import Blocked, HarnessError
from harness.instruments.playing import Played, PlayReport
from harness.instruments.profile import Profile

DIP = Profile.of("dip", [(0 * ms, 12 * V), (15 * ms, 6 * V), (40 * ms, 12 * V)])


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    (tmp_path / "lamp.dbc").write_text("""VERSION ""

BU_: LAMP

BO_ 320 Lamps: 1 LAMP
 SG_ Lamp : 0|1@1+ (1,0) [0|1] "" Vector__XXX
""")
    (tmp_path / "playing_models.py").write_text("""from harness import Plant, Role


class Car(Plant):
    roles = (Role("supply_voltage", "V", 12.0, "of the 12 V network", 0, 16),)
""")
    (tmp_path / "bench.toml").write_text("""models = "."

[channels.body]
database = "lamp.dbc"

[plant]
model = "playing_models:Car"
""")
    return Bench.open(tmp_path / "bench.toml")


def test_a_role_of_the_plant_follows_the_profile(bench: Bench) -> None:
    seen: list[tuple[float, float]] = []
    bench.world.plant.on_change("supply_voltage", lambda volts: seen.append((bench.world.loop.now / 1e6, volts)))
    player = bench.play(DIP, "supply_voltage")
    assert bench.latest is not None and bench.latest.title.startswith("play profile 'dip'")
    bench.wait(100 * ms)
    assert player.done
    assert seen == [(15.0, 6.0), (40.0, 12.0)]
    assert bench.plant["supply_voltage"] == 12


def test_on_a_supply_it_counts_from_the_first_set_point_that_was_confirmed() -> None:
    def told(*played: Played) -> Any:
        return SimpleNamespace(report=PlayReport(DIP, played))

    late = Played(15 * ms, 6.0, 40 * ms)
    assert Begun(told(), 1 * s).delivered is None
    assert Begun(told(Played(0, 12.0, None)), 1 * s).delivered is None
    assert Begun(told(Played(0, 12.0, None), late), 1 * s).delivered == 1 * s + 55 * ms
    assert Begun(told(Played(0, 12.0, 30 * ms), late), 1 * s).delivered == 1 * s + 30 * ms


def test_what_nothing_makes_blocks(bench: Bench) -> None:
    with pytest.raises(Blocked, match="no role 'supply_voltge'; did you mean 'supply_voltage'"):
        bench.play(DIP, "supply_voltge")


def test_a_voltage_that_the_role_does_not_take_stops_the_world(bench: Bench) -> None:
    bench.play(Profile.of("load dump", [(0 * ms, 12 * V), (5 * ms, 40 * V)]), "supply_voltage")
    with pytest.raises(HarnessError, match="takes 0 to 16 V, not 40"):
        bench.wait(10 * ms)
