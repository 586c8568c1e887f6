"""Resetting a real device before a test, as its bench file says; verified by hearing its nodes again, and timed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from harness.bench.file import NodeState
from harness.bench.live_spec import ResetBy, ResetSpec
from harness.errors import Blocked
from harness.frames import EXTENDED, Frame, Received, id_text
from harness.instruments.roles import SUPPLY
from harness.units import Duration, time_text

if TYPE_CHECKING:
    from harness.bench.bench import Bench

ANSWER_LIMIT_NS = 1_000_000_000
"""For how long the answer to a diagnostic reset may be awaited: P2* would allow more, but not for a reset."""

ECU_RESET = bytes.fromhex("02 11 01") + b"\0" * 5
"""ECUReset, hardReset, in a single frame (ISO 14229-1:2020, 10.3; ISO 15765-2:2016, 9.6.2)."""


def reset_device(bench: Bench) -> None:
    """Reset the device under test, and wait until all real nodes are heard again.

    Raises :class:`~harness.errors.Blocked` when a node is not back in time, or the device refuses.
    """
    spec = bench.world.blueprint.file.reset
    if spec.by in ("none", "served"):
        return  # a served vehicle is renewed before the world begins
    heard = _listen(bench)
    began = bench.world.loop.now
    _RESETS[spec.by](bench, spec)
    heard.clear()
    asked = bench.world.loop.now
    missing = _missing(bench, heard)
    bench.world.loop.run_until(asked + spec.within_ns, lambda: not missing())
    left = missing()
    if left:
        raise Blocked(
            f"reset by {spec.by}: {', '.join(left)} {'was' if len(left) == 1 else 'were'} not heard again within "
            f"{time_text(spec.within_ns)}; is the device powered, and are its nodes real ones of this bench?"
        )
    took = bench.world.loop.now - asked
    whole = time_text(took + asked - began)
    bench.note(f"reset by {spec.by}: all real nodes heard again {time_text(took)} after it ({whole} in all)")
    for node in bench.world.nodes.values():
        if node.spec.state is NodeState.REAL:
            for transmitter in node.transmitters.values():
                transmitter.reset()


def _listen(bench: Bench) -> set[str]:
    heard: set[str] = set()

    def hear(rx: Received) -> None:
        heard.add(rx.sender)

    for channel in bench.world.channels.values():
        channel.bus.observe(hear)
    return heard


def _missing(bench: Bench, heard: set[str]) -> Callable[[], list[str]]:
    """Which real nodes have not been heard: of those that send anything by themselves."""
    real = [
        node.name
        for node in bench.world.nodes.values()
        if node.spec.state is NodeState.REAL
        and any(tx.plan.cycle_ns for transmitter in node.transmitters.values() for tx in transmitter.messages)
    ]
    return lambda: [name for name in real if name not in heard]


def _power_cycle(bench: Bench, spec: ResetSpec) -> None:
    name, _, contact = spec.instrument.partition(".")
    instrument = bench.instruments[name]
    if instrument.role == SUPPLY:
        supply = bench.instruments.supply(name)
        off, on = supply.switch_off, supply.switch_on
    else:
        relay = bench.instruments.relay(name)
        off, on = partial(relay.open, contact), partial(relay.close, contact)
    off()
    bench.wait(Duration(spec.off_ns))
    on()


def _key_cycle(bench: Bench, spec: ResetSpec) -> None:
    bench.set(spec.signal, spec.off)
    bench.wait(Duration(spec.off_ns))
    bench.set(spec.signal, spec.on)


def _frame(bench: Bench, spec: ResetSpec) -> None:
    bench.send(spec.channel, Frame(spec.id, spec.data, extended=spec.extended))


def _diagnostic(bench: Bench, spec: ResetSpec) -> None:
    """Ask for it, and see the positive answer: ``51 01``; a negative one says why."""
    channel = bench.world.channel(spec.channel)
    answers: list[bytes] = []
    key = spec.answer_id | (EXTENDED if spec.extended else 0)
    cancel = channel.bus.observe(lambda rx: answers.append(rx.frame.data), [key])
    bench.send(spec.channel, Frame(spec.id, ECU_RESET, extended=spec.extended))
    loop = bench.world.loop
    loop.run_until(loop.now + ANSWER_LIMIT_NS, lambda: any(data[1:2] in (b"\x51", b"\x7f") for data in answers))
    cancel()
    if not any(data[1:2] == b"\x51" for data in answers):
        seen = f"the answer {answers[-1].hex(' ')}" if answers else "no answer"
        raise Blocked(f"reset by diagnostic request to {id_text(spec.id)}: {seen}, expected 51 01 from {id_text(key)}")


_RESETS: Mapping[ResetBy, Callable[[Bench, ResetSpec], None]] = {
    "power cycle": _power_cycle,
    "key cycle": _key_cycle,
    "frame": _frame,
    "diagnostic": _diagnostic,
}
