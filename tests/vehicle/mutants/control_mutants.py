"""Mutants that are none, or that are described wrongly: what the judge has to say of them is known beforehand."""

from __future__ import annotations

from mutant import Mutant, always, mutant

from simulators.bcm import Bcm

TEST = "test_either_cause_keeps_the_lamps_on"


def raises(self: Bcm, value: float, previous: float | None) -> None:
    raise ValueError("a model that breaks is no proof")


CONTROLS: tuple[tuple[str, Mutant], ...] = (
    ("caught", mutant("VEH-020", "check", "pedal lights no lamp", Bcm, TEST, "BrakeLamp", pedal_brakes=always(False))),
    ("survived", mutant("VEH-020", "check", "nothing is wrong", Bcm, TEST, "BrakeLamp")),
    ("other reason", mutant("VEH-020", "check", "gear is blamed", Bcm, TEST, "Gear", pedal_brakes=always(False))),
    ("broken", mutant("VEH-020", "check", "model raises", Bcm, TEST, "BrakeLamp", pedal_moved=raises)),
    ("broken", mutant("VEH-021", "check", "test speaks for another requirement", Bcm, TEST, "BrakeLamp")),
)
"""The verdict of each."""
