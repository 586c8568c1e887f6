"""Voltage profiles on a bench: the same call in virtual time, on the plant, and on a power supply."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.instruments.playing import LoopPlayer, SupplyPlayer
from harness.instruments.profile import Profile

if TYPE_CHECKING:
    from harness.bench.bench import Bench


class Begun:
    """A profile's first set point that a supply has had, as a delivery. origin_ns: when the profile began, ns."""

    def __init__(self, player: SupplyPlayer, origin_ns: int) -> None:
        self._player, self._origin_ns = player, origin_ns

    @property
    def delivered(self) -> int | None:
        """When the supply confirmed it, ns; ``None`` before."""
        played = (each for each in self._player.report.played if each.late is not None)
        first = next(played, None)
        return None if first is None else self._origin_ns + first.due + (first.late or 0)


def play(bench: Bench, profile: Profile, target: str) -> LoopPlayer | SupplyPlayer:
    """Play a profile from now on; it is a stimulus, and the world goes on meanwhile. On a supply it counts from the
    instant at which the supply had confirmed the first set point.

    target: the name of a power supply, or a role of the plant, which a supply may make (``[plant.supplies]``). On a
    supply every set point is checked against its limits before the first one, and how late each was is noted; one that
    fails blocks the test. Raises :class:`~harness.errors.Blocked` where nothing makes such a voltage.
    """
    world = bench.world
    name = world.blueprint.file.plant_supplies.get(target, target)
    title = f"play {profile} on {target}"
    if name != target or any(each.name == target for each in bench.instruments):
        live = world.live
        assert live is not None  # only such a world has instruments
        supply = bench.instruments.supply(name)
        called, began = world.loop.now, world.loop.present
        player = SupplyPlayer(profile, supply, note=live.note, on_failure=live.loop.fail)
        bench.stimulated(title, (Begun(player, began),), kind="plant", at=called, gradual=True)
        return player
    own = LoopPlayer(profile, world.loop, bench.plant.setter(target))
    bench.stimulated(title, (), kind="plant")
    return own
