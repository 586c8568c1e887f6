"""Resetting a real device before a test, as its bench file says; verified by hearing its nodes again, and timed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from harness.bench.file import NodeState, Policy
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

GONE_CYCLES = 3
"""A node that was silent for so many of its fastest cycles had gone."""


def reset_device(bench: Bench) -> None:
    """Reset the device under test, and wait until all real nodes are heard again.

    It must be seen to go: while supply or key are off, a real node has to fall silent; after a frame or a diagnostic
    request it has to be heard after it was silent, or after ``off_for``, as a fast device leaves no gap. What it sends
    meanwhile is judged by nobody. Raises :class:`~harness.errors.Blocked` when the device does not go, when a node is
    not back in time, or the device refuses.
    """
    spec = bench.world.blueprint.file.reset
    if spec.by in ("none", "served"):
        return  # a served vehicle is renewed before the world begins
    policy, bench.incidents.policy = bench.incidents.policy, Policy.ignoring()
    presence = _Presence(bench)
    try:
        _reset(bench, spec, presence)
    finally:
        presence.close()
        bench.incidents.policy = policy
        bench.latest = None  # what resets the device is no stimulus of the test
    for node in bench.world.nodes.values():
        if node.spec.state is NodeState.REAL:
            for transmitter in node.transmitters.values():
                transmitter.reset()


def _reset(bench: Bench, spec: ResetSpec, presence: _Presence) -> None:
    loop = bench.world.loop
    began = loop.now
    _RESETS[spec.by](bench, spec)
    asked = loop.now
    since = asked
    if spec.by in ("power cycle", "key cycle"):
        if presence.last and not presence.silent(asked):
            raise Blocked(
                f"reset by {spec.by}: {_names(presence.last)} went on sending while it was off for "
                f"{time_text(spec.off_ns)}: is it really supplied by what was switched, and long enough?"
            )
    elif not loop.run_until(asked + spec.off_ns, lambda: presence.returned and not presence.missing(asked)):
        since = asked + spec.off_ns
    loop.run_until(asked + spec.within_ns, lambda: not presence.missing(since))
    missing = presence.missing(since)
    if missing:
        raise Blocked(
            f"reset by {spec.by}: {_names(missing)} {'was' if len(missing) == 1 else 'were'} not heard again within "
            f"{time_text(spec.within_ns)}; is the device powered, and are its nodes real ones of this bench?"
        )
    took, whole = time_text(loop.now - asked), time_text(loop.now - began)
    heard = "all real nodes heard again" if presence.last else "no real node sends by itself, so nothing confirms it,"
    bench.note(f"reset by {spec.by}: {heard} {took} after it ({whole} in all); {presence}")


class _Presence:
    """When the real nodes were heard, of those that send anything by themselves."""

    def __init__(self, bench: Bench) -> None:
        self._loop = bench.world.loop
        now = self._loop.now
        self._gone: dict[str, int] = {}
        """How long a silence has to be to count, by node, ns."""
        for node in bench.world.nodes.values():
            messages = [tx.plan.cycle_ns for transmitter in node.transmitters.values() for tx in transmitter.messages]
            cycles = [cycle for cycle in messages if cycle]
            if node.spec.state is NodeState.REAL and cycles:
                self._gone[node.name] = GONE_CYCLES * min(cycles)
        self.last = dict.fromkeys(self._gone, now)
        """When each was heard last, ns."""
        self._silences: dict[str, int] = {}
        self._cancel = [channel.bus.observe(self._hear) for channel in bench.world.channels.values()]

    def close(self) -> None:
        """Listen no more."""
        for cancel in self._cancel:
            cancel()

    def _hear(self, rx: Received) -> None:
        node = rx.sender
        if node in self.last:
            silence = rx.time - self.last[node]
            if silence >= max(self._gone[node], self._silences.get(node, 0)):
                self._silences[node] = silence
            self.last[node] = rx.time

    @property
    def returned(self) -> bool:
        """Whether any of them was silent and is heard again."""
        return bool(self._silences)

    def silent(self, now: int) -> bool:
        """Whether any of them has fallen silent by ``now`` ns."""
        return any(now - last >= self._gone[node] for node, last in self.last.items())

    def missing(self, since: int) -> list[str]:
        """Those that have not been heard after ``since`` ns."""
        return [node for node, last in self.last.items() if last <= since]

    def __str__(self) -> str:
        if not self._silences:
            return "none of them was silent meanwhile"
        return ", ".join(f"{node} was silent for {time_text(span)}" for node, span in self._silences.items())


def _names(nodes: Iterable[str]) -> str:
    return ", ".join(nodes)


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
    sent = bench.send(spec.channel, Frame(spec.id, spec.data, extended=spec.extended))
    loop = bench.world.loop
    if not loop.run_until(loop.now + ANSWER_LIMIT_NS, lambda: sent.delivered is not None):
        raise Blocked(f"reset by frame: {id_text(spec.id)} did not reach the bus within {time_text(ANSWER_LIMIT_NS)}")


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
