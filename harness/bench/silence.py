"""Silence as a claim: no frame of a message or channel for some time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.errors import ExpectationFailed, Inconclusive
from harness.evidence.events import Claim, Event
from harness.evidence.verdicts import Verdict
from harness.frames import Received
from harness.units import rough_text, time_text

if TYPE_CHECKING:
    from harness.bench.bench import Bench


def demand_silence(bench: Bench, name: str, span: int) -> None:
    """Demand that no frame of a message, or of a whole channel, ends within ``span`` ns from now.

    Raises :class:`~harness.errors.ExpectationFailed` with the first frame that does, and
    :class:`~harness.errors.Inconclusive` when it came so near to either end that it may lie outside.
    """
    world = bench.world
    seen: list[Received] = []
    if name in world.channels:
        cancel = world.channel(name).bus.observe(seen.append)
    else:
        tx = world.tx(name)
        cancel = world.channels[tx.channel].network.on_frame(tx.key, seen.append)
    start = world.loop.now
    accounting = world.accounting
    try:
        world.loop.run_until(start + span, lambda: bool(seen))
        if accounting is not None:
            accounting.settle()
            # What came a little late may have come within the time.
            world.loop.run_until(start + span + accounting.uncertainty(start + span, start + span), lambda: bool(seen))
    finally:
        cancel()
    claim = f"silent {name} during {time_text(span)}"
    uncertainty = 0 if accounting is None or not seen else accounting.uncertainty(start, seen[0].time)
    if not seen or seen[0].time > start + span <= seen[0].time - uncertainty:
        told = Claim(claim, "no frame", window=(start, start + span))
        bench.journal.append(Event(world.loop.now, "expectation", f"{claim}: no frame", Verdict.PASSED, claim=told))
        return
    first = seen[0]
    after = f"{first.frame} from {first.sender or 'unknown'} after {time_text(first.time - start)}"
    told = Claim(claim, after, window=(start, first.time))
    if min(first.time - start, abs(start + span - first.time)) < uncertainty:
        text = f"{claim}: {after}, but that is known to within {rough_text(uncertainty)} only"
        bench.journal.append(Event(world.loop.now, "expectation", text, Verdict.INCONCLUSIVE, claim=told))
        raise Inconclusive(text)
    text = f"{claim}: {after}"
    bench.journal.append(Event(world.loop.now, "expectation", text, Verdict.FAILED, claim=told))
    raise ExpectationFailed(text)
