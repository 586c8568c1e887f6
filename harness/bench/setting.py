"""Setting signals: what the test says that absent nodes measure or wish, in their next frames."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from harness.bench.signal import Value, value_text
from harness.bench.stimulus import Delivery, Stimulus
from harness.errors import SignalError
from harness.restbus import TxMessage

if TYPE_CHECKING:
    from harness.bench.bench import Bench


def set_signals(bench: Bench, wanted: Mapping[str, Value], *, force: bool) -> Stimulus:
    """Set signals of absent nodes, all of them or none; those of one message leave in one frame."""
    by_message: dict[tuple[str, str], dict[str, Value]] = {}
    titles, paths = [], []
    for name, value in wanted.items():
        live = bench.signal(name)
        paths.append(live.path)
        by_message.setdefault((live.channel, live.message.name), {})[live.definition.name] = value
        titles.append(f"{live.short_name} = {value_text(value, live.unit)}")
    parts = [(_settable(bench, f"{channel}.{message}"), values) for (channel, message), values in by_message.items()]
    if len(parts) > 1:
        for tx, values in parts:
            tx.check(values, force=force)  # all or nothing
    deliveries: list[Delivery] = []
    slowest = 0
    for tx, values in parts:
        follower = bench.world.channels[tx.channel].follower
        if follower is not None and tx.plan.reacts:
            follower.wake()
        change = tx.set(values, force=force)
        # An event message whose values are as they were sends nothing: then the call is what counts.
        if force:
            bench.excuses.forced.add(f"{tx.channel}.{tx.name}")
        if change.due or not tx.active:
            deliveries.append(change)
            slowest = max(slowest, tx.plan.cycle_ns or 0)
    title = f"set {', '.join(titles)}{' (forced)' if force else ''}"
    return bench.stimulated(title, deliveries, cycle_ns=slowest, signals=tuple(paths))


def _settable(bench: Bench, message: str) -> TxMessage:
    tx = bench.world.tx(message)
    node = bench.world.nodes[tx.node]
    if not node.absent:
        raise SignalError(
            f"{tx.name} is sent by {node.name}, which is {node.spec.state} on this bench; "
            "a test can only set what absent nodes send"
        )
    return tx
