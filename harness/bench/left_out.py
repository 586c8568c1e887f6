"""What the tester owed the bus: cyclic frames of its own that it left out, so that the device saw a broken rest-bus."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from harness.errors import Inconclusive

if TYPE_CHECKING:
    from harness.adapter.items import Missed
    from harness.bench.blueprint import ChannelPlan
    from harness.errors import HarnessError
    from harness.monitors.rules import ContractLimits


class LeftOut(Inconclusive):
    """The doubt about a test during which this bench left out frames. cycles: how many, by message; it grows.

    >>> doubt = LeftOut()
    >>> doubt.cycles["body.Pedals"] += 3
    >>> print(doubt)
    this bench left out frames of its own (3 of body.Pedals): what the device did with such a rest-bus says nothing
    """

    def __init__(self) -> None:
        super().__init__()
        self.cycles: Counter[str] = Counter()

    def __str__(self) -> str:
        told = ", ".join(f"{count} of {message}" for message, count in self.cycles.most_common())
        return f"this bench left out frames of its own ({told}): what the device did with such a rest-bus says nothing"


def note_left_out(missed: Missed, channel: ChannelPlan, limits: ContractLimits, doubts: list[HarnessError]) -> None:
    """Frames of a message of ours were left out: add that to the world's doubts, unless its cycle permits such a gap.

    Whoever takes the doubt lets the next one begin.
    """
    name, path = missed.message, f"{channel.name}.{missed.message}"
    plan = next((each for each in channel.plans.get(missed.node, ()) if each.message.name == name), None)
    cycle = (plan.cycle_ns or plan.fast_cycle_ns) if plan is not None else None
    if cycle and (missed.cycles + 1) * cycle <= limits.cycle_limits(path).gap(cycle)[1]:
        return
    doubt = next((each for each in doubts if isinstance(each, LeftOut)), None)
    if doubt is None:
        doubt = LeftOut()
        doubts.append(doubt)
    doubt.cycles[path] += missed.cycles
