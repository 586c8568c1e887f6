"""Cyclic frames of the tester's own that were left out."""

from __future__ import annotations

import pytest

from harness.adapter.items import Missed
from harness.bench import Blueprint
from harness.bench.left_out import LeftOut, note_left_out
from harness.errors import HarnessError
from harness.monitors.rules import ContractLimits, CycleLimits

WIDE = CycleLimits(absolute=30_000_000)


def doubts_of(blueprint: Blueprint, limits: ContractLimits, *cycles: int) -> list[HarnessError]:
    doubts: list[HarnessError] = []
    (channel,) = blueprint.channels
    for number in cycles:
        note_left_out(Missed(0, "PEDAL", "Pedals", number), channel, limits, doubts)
    return doubts


def test_all_that_was_left_out_is_one_doubt(lamp_blueprint: Blueprint) -> None:
    (doubt,) = doubts_of(lamp_blueprint, ContractLimits(), 1, 4)
    assert isinstance(doubt, LeftOut) and "(5 of can.Pedals)" in str(doubt)


@pytest.mark.parametrize("limits", [ContractLimits(cycles=WIDE), ContractLimits(cycle_of={"Pedals": WIDE})])
def test_a_gap_that_the_cycle_permits_is_none(lamp_blueprint: Blueprint, limits: ContractLimits) -> None:
    assert not doubts_of(lamp_blueprint, limits, 1, 3, 2)
    (doubt,) = doubts_of(lamp_blueprint, limits, 3, 4, 2)
    assert "(4 of can.Pedals)" in str(doubt)
