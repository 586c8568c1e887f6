"""What is only known by sending: acknowledgement, the served vehicle's answer, the jitter of cyclic frames.

Nothing here runs without ``--active``. What is sent is the frame that the bench file declares harmless,
``[doctor] probe = 0x7FF``, without data, and to a served vehicle the request that asks whether it is there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from threading import Event

from harness.adapter.client import OPEN_S, Adapter
from harness.adapter.items import Batch, Error, Heard, Item, Sent, Trouble
from harness.adapter.statistics import Lateness
from harness.adapter.stimulation import PROTOCOL, Answer, Operation, Request
from harness.doctor.bounded import Attempt
from harness.doctor.channel import Subject
from harness.doctor.finding import Finding, Mark, examined
from harness.doctor.listening import Manner, OpenChannel, Opener, manner_of
from harness.errors import AdapterError
from harness.frames import Frame, id_text
from harness.loop import Loop, Owner
from harness.restbus import MessagePlan, SendType
from harness.signals.definitions import MessageDef
from harness.units import time_text
from harness.wall import clock_ns

ANSWER_NS = 500_000_000
"""An acknowledgement, or an answer of the served vehicle, comes within this, ns."""
PERIOD_NS = 10_000_000
PERIODS = 100
LATE_NS = 3_000_000
"""Cyclic frames that are later than this in one of a hundred cases are worth a warning, ns."""
LIMIT_S = 5.0
"""A check that has found nothing after this is given up, s."""
PROCESS_S = 2 * OPEN_S
"""The same for one with a channel process. That has limits of its own, and says more than we can: on a busy computer
it takes a while to start."""
_POLL_S = 0.02
_NODE = "doctor"


def skipped(subject: Subject) -> Iterator[Finding]:
    """The same checks, not made."""
    if subject.file.served == subject.name:
        yield Finding(subject.name, "served", Mark.SKIP, "the served vehicle was not asked", "--active asks it")
    todo = "--active sends the frame that is declared harmless"
    yield Finding(subject.name, "ACK", Mark.SKIP, "nothing was sent", "" if probe_of(subject) is None else todo)


def findings(subject: Subject, open_channel: Opener) -> Iterator[Finding]:
    """All checks that send, on a channel that could be opened."""
    if subject.file.served == subject.name:
        yield examined(subject.name, "served", lambda: _bounded(subject, open_channel, _served))
    refusal = _refusal(subject)
    if refusal is not None:
        yield Finding(subject.name, "ACK", Mark.SKIP, *refusal)
        return
    yield examined(subject.name, "ACK", lambda: _bounded(subject, open_channel, _acknowledged))
    yield examined(subject.name, "jitter", lambda: _jitter(subject))


def probe_of(subject: Subject) -> Frame | None:
    """The frame that the bench file declares harmless: an identifier above 0x7FF has 29 bits."""
    probe = subject.file.probe
    return None if probe is None else Frame(probe, extended=probe > 0x7FF)


def _refusal(subject: Subject) -> tuple[str, str] | None:
    """Why no frame is sent, and what to do; None when it may be."""
    probe = probe_of(subject)
    if probe is None:
        return "nothing is sent: the bench file declares no frame as harmless", "say [doctor] probe = 0x7FF, if it is"
    message = subject.known.get(probe.key)
    if message is not None:
        text = f"nothing is sent: the probe {id_text(probe.key)} is {message.name} of this channel"
        return text, "declare an identifier that no node uses: [doctor] probe"
    return None


def _bounded(subject: Subject, open_channel: Opener, check: Callable[[Subject, OpenChannel], Finding]) -> Finding:
    return Attempt(partial(_on_open, subject, open_channel, check), str(subject.spec)).result(LIMIT_S)


def _on_open(subject: Subject, open_channel: Opener, check: Callable[[Subject, OpenChannel], Finding]) -> Finding:
    channel = open_channel(subject.spec)
    try:
        return check(subject, channel)
    finally:
        channel.close()


def _acknowledged(subject: Subject, channel: OpenChannel) -> Finding:
    """Whether anybody acknowledges a frame."""
    name, probe = subject.name, probe_of(subject)
    assert probe is not None, "_refusal has asked for it"
    began = clock_ns()
    if not _given(channel, probe, began + ANSWER_NS):
        text = f"{id_text(probe.key)} was not taken for {time_text(ANSWER_NS)}: the send buffer stays full"
        return Finding(name, "ACK", Mark.FAIL, text, "nobody acknowledges: is anybody on the bus?")
    refused = 0
    for item in _items(channel, began + ANSWER_NS):
        if isinstance(item, Heard) and item.own and item.frame.key == probe.key:
            after = item.time - began
            if manner_of(subject.spec) is Manner.VIRTUAL:
                return Finding(name, "ACK", Mark.OK, "the frame came back; there is no bus that would acknowledge it")
            text = f"{id_text(probe.key)} was on the bus, acknowledged, after {_ms(after)}"
            return Finding(name, "ACK", Mark.OK, text, facts={"after_ns": after})
        refused += isinstance(item, Error)
    facts = {"errors": refused}
    if refused:
        text = f"{id_text(probe.key)} was not acknowledged: {refused} error frames within {time_text(ANSWER_NS)}"
        return Finding(name, "ACK", Mark.FAIL, text, "is anybody on the bus? Check supply, bit rate, wiring", facts)
    if channel.capabilities.echo:
        text = f"{id_text(probe.key)} was not on the bus within {time_text(ANSWER_NS)}"
        return Finding(name, "ACK", Mark.FAIL, text, "is anybody on the bus? Check supply, bit rate, wiring", facts)
    text = f"{id_text(probe.key)} was taken; this adapter does not tell whether it was acknowledged"
    return Finding(name, "ACK", Mark.SKIP, text, facts=facts)


def _served(subject: Subject, channel: OpenChannel) -> Finding:
    """Whether the served vehicle answers."""
    name, spec = subject.name, subject.spec
    began = clock_ns()
    heard = answer = None
    if _given(channel, Request(Operation.HELLO).frame(), began + ANSWER_NS):
        heard = next((item for item in _items(channel, began + ANSWER_NS) if _hello(item) is not None), None)
        answer = _hello(heard)
    if heard is None or answer is None:
        text = f"no served vehicle answers on {spec} within {time_text(ANSWER_NS)}"
        return Finding(name, "served", Mark.FAIL, text, "start it: harness simulate")
    facts = {"after_ns": heard.time - began, "protocol": answer.value}
    if answer.value != PROTOCOL:
        text = f"the served vehicle speaks version {answer.value:g} of the stimulation protocol, not {PROTOCOL}"
        return Finding(name, "served", Mark.FAIL, text, "run the same version of the harness on both sides", facts)
    text = f"the served vehicle answers after {_ms(heard.time - began)}"
    return Finding(name, "served", Mark.OK, text, facts=facts)


def _jitter(subject: Subject) -> Finding:
    """How punctually the channel process sends a cyclic frame; it is the one that sends in a run."""
    probe = probe_of(subject)
    assert probe is not None, "_refusal has asked for it"
    message = MessageDef("probe", probe.id, 0, (), extended=probe.extended)
    plan = MessagePlan(message, cycle_ns=PERIOD_NS, send_type=SendType.CYCLIC)
    adapter = Adapter(subject.spec, {_NODE: [plan]})
    return Attempt(partial(_send_cyclically, subject, adapter), f"sending on {subject.spec}").result(PROCESS_S)


def _send_cyclically(subject: Subject, adapter: Adapter) -> Finding:
    adapter.open()
    try:
        total = _statistics(adapter)
    finally:
        ended = adapter.close()
    facts = {
        "frames": total.frames, "p50_ns": total.p50_ns, "p99_ns": total.p99_ns, "max_ns": total.max_ns,
        "lost": total.lost, "retries": total.retries, "scheduling": adapter.scheduling,
    }  # fmt: skip
    if not total.frames:
        raise AdapterError(f"not one of {PERIODS} cyclic frames was sent on {subject.spec}; is anybody on the bus?")
    text = (
        f"{total.frames} frames every {time_text(PERIOD_NS)}: late by {_ms(total.p50_ns)} (median), "
        f"{_ms(total.p99_ns)} (p99), {_ms(total.max_ns)} (worst); scheduling {adapter.scheduling}"
    )
    if total.p99_ns > LATE_NS or total.lost:
        todo = "let the harness use real-time scheduling (ulimit -r), and give this computer less to do"
        text += f"; {total.lost} lost" if total.lost else ""
        return Finding(subject.name, "jitter", Mark.WARN, text, todo, facts)
    if not ended:
        return Finding(subject.name, "jitter", Mark.WARN, f"{text}; the sending process had to be killed", facts=facts)
    return Finding(subject.name, "jitter", Mark.OK, text, facts=facts)


def _statistics(adapter: Adapter) -> Lateness:
    """How late a hundred cyclic frames are."""
    enough = Event()
    left = PERIODS

    def receive(batch: Batch) -> None:
        nonlocal left
        for item in batch.items:
            left -= isinstance(item, Sent)
            if left <= 0 or (isinstance(item, Trouble) and item.fatal):
                enough.set()

    adapter.begin(clock_ns(), receive)
    transmitter = adapter.transmitter(_NODE, Loop(), Owner(_NODE))
    transmitter.start()
    enough.wait(LIMIT_S)
    transmitter.stop()
    adapter.end()
    return adapter.statistics().total


def _given(channel: OpenChannel, frame: Frame, until: int) -> bool:
    while not channel.send(frame):
        if clock_ns() >= until:
            return False
    return True


def _items(channel: OpenChannel, until: int) -> Iterator[Item]:
    while clock_ns() < until:
        item = channel.receive(_POLL_S)
        if item is not None:
            yield item


def _hello(item: Item | None) -> Answer | None:
    answer = Answer.of(item.frame) if isinstance(item, Heard) else None
    return answer if answer is not None and answer.operation == Operation.HELLO else None


def _ms(span_ns: int) -> str:
    return f"{span_ns / 1e6:.2f} ms"
