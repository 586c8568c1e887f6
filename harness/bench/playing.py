"""Voltage profiles on a bench: the same call in virtual time, on the plant, and on a power supply."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.instruments.playing import LoopPlayer, SupplyPlayer
from harness.instruments.profile import Profile

if TYPE_CHECKING:
    from harness.bench.bench import Bench


def play(bench: Bench, profile: Profile, target: str) -> LoopPlayer | SupplyPlayer:
    """Play a profile from now on; it is a stimulus, and the world goes on meanwhile.

    target: the name of a power supply, or a role of the plant, which a supply may make (``[plant.supplies]``). On a
    supply every set point is checked against its limits before the first one, and how late each was is noted; one that
    fails blocks the test. Raises :class:`~harness.errors.Blocked` where nothing makes such a voltage.
    """
    world = bench.world
    name = world.blueprint.file.plant_supplies.get(target, target)
    player: LoopPlayer | SupplyPlayer
    if name != target or any(each.name == target for each in bench.instruments):
        live = world.live
        assert live is not None  # only such a world has instruments
        supply = bench.instruments.supply(name)
        player = SupplyPlayer(profile, supply, note=live.note, on_failure=live.loop.fail)
    else:
        player = LoopPlayer(profile, world.loop, bench.plant.setter(target))
    bench.stimulated(f"play {profile} on {target}", (), kind="plant")
    return player
