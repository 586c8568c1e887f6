"""What a channel tells whoever only listens: one function per check, from what was heard to a finding."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import pairwise

from harness.adapter.traits import traits_of
from harness.bus.length import INTERMISSION
from harness.doctor.channel import Patient
from harness.doctor.finding import Finding, Mark, refused
from harness.doctor.listening import Manner, manner_of
from harness.errors import BusError
from harness.frames import id_text
from harness.units import time_text

NAMED = 6
"""How many names a finding holds."""
WIRES = "check bit rate, wiring and termination"
NOBODY = "check the device's supply, the bit rate, wiring and termination"


def adapter(patient: Patient) -> Finding:
    """Whether the channel could be opened, and how it was listened to."""
    spec, heard = patient.subject.spec, patient.heard
    name = patient.subject.name
    if heard.hangs:
        text = f"{spec} hangs while {heard.hangs}: given up after {_span(heard.opened_in)}"
        return Finding(
            name, "adapter", Mark.FAIL, text, "unplug it and plug it in again; is it really such an adapter?"
        )
    if heard.problem is not None:
        return refused(name, "adapter", heard.problem)
    manner = manner_of(spec)
    facts = {"adapter": str(spec), "manner": manner.name.lower(), "opened_in_ns": heard.opened_in}
    text = f"{spec}, opened in {_span(heard.opened_in)}; {manner.value}"
    if manner is Manner.ASKED and not (heard.capabilities and heard.capabilities.listen_only):
        return Finding(name, "adapter", Mark.WARN, f"{text}, which it did not confirm", facts=facts)
    return Finding(name, "adapter", Mark.OK, text, facts=facts)


def traffic(patient: Patient) -> Finding:
    """Who talks, and how much."""
    subject, diagnosis, span = patient.subject, patient.diagnosis, patient.heard.span
    frames, ids = patient.frames, len(patient.keys)
    facts: dict[str, object] = {
        "frames": frames,
        "identifiers": ids,
        "span_ns": span,
        "lost": diagnosis.lost,
        "overruns": diagnosis.overruns,
    }
    if not frames:
        return _silence(patient, facts)
    rate = frames * 1e9 / span
    load = _load(patient)
    text = f"{rate:.0f} frames/s of {ids} identifiers" + (f", bus load {load:.0%}" if load is not None else "")
    facts |= {"frames_per_s": rate, "load": load}
    if diagnosis.overruns:
        text += f"; frames were lost in {diagnosis.overruns} overruns"
        return Finding(
            subject.name, "traffic", Mark.WARN, text, "give this computer less to do, or a faster adapter", facts
        )
    return Finding(subject.name, "traffic", Mark.OK, text, facts=facts)


def _silence(patient: Patient, facts: dict[str, object]) -> Finding:
    subject, span = patient.subject, _span(patient.heard.span)
    name, text = subject.name, f"nothing within {span} from {_some(subject.talkers)}"
    if not subject.talkers:
        return Finding(
            name, "traffic", Mark.SKIP, f"nothing within {span}; no real node sends cyclically here", facts=facts
        )
    if patient.excuse:
        return Finding(name, "traffic", Mark.WARN, f"{text}: {patient.excuse}", facts=facts)
    if subject.sleeps:
        todo = f"the network may be asleep: wake it, or ask with --active; else {NOBODY}"
        return Finding(name, "traffic", Mark.FAIL, text, todo, facts)
    return Finding(name, "traffic", Mark.FAIL, text, NOBODY, facts)


def bit_rate(patient: Patient) -> Finding:
    """Whether frames come through whole."""
    subject, diagnosis = patient.subject, patient.diagnosis
    name, errors = subject.name, diagnosis.errors.total()
    rates = _rates(patient)
    facts = {
        "bitrate": subject.spec.bitrate,
        "data_bitrate": subject.spec.data_bitrate,
        "errors": dict(diagnosis.errors),
    }
    kinds = ", ".join(f"{kind} {count}" for kind, count in diagnosis.errors.most_common())
    said = next((f": {text}" for text, _ in patient.heard.said.most_common(1) if text), "")
    if patient.heard.rate is not None:
        other = f"{patient.heard.rate / 1e3:g} kbit/s"
        text = f"nothing at {rates}, but frames at {other}"
        return Finding(name, "bit rate", Mark.FAIL, text, f"bitrate = '{other}' in the bench file", facts)
    if errors and not patient.frames:
        text = f"{rates} is wrong? {errors} error frames ({kinds}), not one good frame{said}"
        serial = traits_of(subject.spec.interface).needs == "pyserial"
        todo = f"is it such an adapter, and its serial speed right? Else {WIRES}" if serial else WIRES
        return Finding(name, "bit rate", Mark.FAIL, text, todo, facts)
    if errors:
        text = f"{rates}: {errors} error frames ({kinds}) among {patient.frames} good ones{said}"
        return Finding(
            name, "bit rate", Mark.WARN, text, "check wiring, termination, and who else is on the bus", facts
        )
    if not patient.frames:
        return Finding(name, "bit rate", Mark.SKIP, f"{rates}: nothing to tell it by", facts=facts)
    capabilities = patient.heard.capabilities
    reports = capabilities is not None and capabilities.error_frames
    text = f"{rates}: frames come through, {'no' if reports else 'and this adapter does not report'} error frames"
    return Finding(name, "bit rate", Mark.OK, text, facts=facts)


def database(patient: Patient) -> Finding:
    """Whether what was heard is what the databases say."""
    subject, diagnosis, name = patient.subject, patient.diagnosis, patient.subject.name
    files = ", ".join(database.path.name for database in subject.plan.databases)
    seen = patient.keys
    unknown = [key for key in seen if key not in subject.known]
    short = [key for key in seen if diagnosis.short[key]]
    garbled = list(_garbled(patient))
    facts = {
        "seen": len(seen), "unknown": [id_text(key) for key in unknown], "short": [id_text(key) for key in short],
        "undecodable": garbled,
    }  # fmt: skip
    if not seen:
        return Finding(name, "database", Mark.SKIP, f"{files}: nothing to compare it with", facts=facts)
    said = []
    if unknown:
        said.append(f"{len(unknown)} of {len(seen)} identifiers are unknown ({_some(map(id_text, unknown))})")
    if short:
        said.append(f"{len(short)} are too short ({_some(_named(patient, key) for key in short)})")
    if garbled:
        said.append(f"{len(garbled)} cannot be decoded ({_some(garbled)})")
    if not said:
        return Finding(
            name, "database", Mark.OK, f"{files}: all {len(seen)} identifiers are in it, none is short", facts=facts
        )
    text = f"{files}: {', '.join(said)}"
    if 2 * len({*unknown, *short}) > len(seen) and not diagnosis.partial:
        todo = "is it this bus, and this version of the network? Look at `database` in the bench file"
        return Finding(name, "database", Mark.FAIL, text, todo, facts)
    todo = "tests that use these messages fail: mend the database, or say [policy] unknown_frame = 'collect'"
    return Finding(name, "database", Mark.WARN, text, todo, facts)


def second_sender(patient: Patient) -> Finding:
    """Whether somebody else sends what this bench is going to send."""
    subject, name = patient.subject, patient.subject.name
    twice = [key for key in patient.keys if key in subject.own]
    facts = {"own": len(subject.own), "twice": [id_text(key) for key in twice]}
    if twice:
        nodes = _some(dict.fromkeys(subject.own[key] for key in twice))
        text = f"{_some(_named(patient, key) for key in twice)}: sent by somebody else, and by this bench for {nodes}"
        todo = "take that node off the bus, or give it state = 'real' in the bench file"
        return Finding(name, "senders", Mark.FAIL, text, todo, facts)
    if not patient.frames:
        return Finding(name, "senders", Mark.SKIP, "nothing was heard", facts=facts)
    text = f"none of the {len(subject.own)} messages that this bench sends is sent by somebody else"
    return Finding(name, "senders", Mark.OK, text, facts=facts)


def nodes(patient: Patient) -> Finding:
    """Which of the real nodes were heard."""
    subject, name = patient.subject, patient.subject.name
    talkers = subject.talkers
    heard = [node for node in talkers if any(plan.message.key in patient.keys for plan in subject.real[node])]
    missing = [node for node in talkers if node not in heard]
    facts = {"heard": heard, "missing": missing}
    if not talkers:
        return Finding(name, "nodes", Mark.SKIP, "no node of this channel is real and sends cyclically", facts=facts)
    if not heard:
        return Finding(name, "nodes", Mark.SKIP, f"nothing from {_some(talkers)}", facts=facts)
    if missing:
        text = f"{len(heard)} of {len(talkers)} real nodes are heard, not {_some(missing)}"
        return Finding(name, "nodes", Mark.WARN, text, "are they powered, awake and connected?", facts)
    return Finding(name, "nodes", Mark.OK, f"all real nodes are heard: {_some(heard)}", facts=facts)


def timestamps(patient: Patient) -> Finding:
    """Whose stamps they are, how exact, and whether they run backwards."""
    name, stamps, capabilities = patient.subject.name, patient.heard.stamps, patient.heard.capabilities
    assert capabilities is not None, "only channels that were opened are examined"
    facts: dict[str, object] = {
        "source": capabilities.stamps, "uncertainty_ns": capabilities.stamp_uncertainty_ns, "frames": len(stamps),
    }  # fmt: skip
    text = f"{capabilities.stamps} stamps, within {_span(capabilities.stamp_uncertainty_ns)}"
    if len(stamps) < 2:
        return Finding(name, "timestamps", Mark.SKIP, f"{text}; too few frames to check them", facts=facts)
    steps = [after - before for before, after in pairwise(stamps)]
    back = [step for step in steps if step < 0]
    smallest = min((step for step in steps if step > 0), default=0)
    facts |= {"backwards": len(back), "equal": steps.count(0), "smallest_step_ns": smallest}
    if back:
        text += f"; {len(back)} of {len(steps)} run backwards, by {time_text(-min(back))} at most"
        return Finding(name, "timestamps", Mark.WARN, text, "order and latencies of such frames are not certain", facts)
    steps_text = f"smallest step {_span(smallest)}" if smallest else "all the same"
    return Finding(
        name, "timestamps", Mark.OK if smallest else Mark.WARN, f"{text}; in order, {steps_text}", facts=facts
    )


def echo(patient: Patient) -> Finding:
    """Whether the harness learns when its own frames are on the bus."""
    name, capabilities = patient.subject.name, patient.heard.capabilities
    has = bool(capabilities and capabilities.echo)
    if has:
        return Finding(name, "echo", Mark.OK, "own frames come back when they are on the bus", facts={"echo": True})
    text = "none: a frame counts as sent when the adapter has taken it"
    todo = "latencies from a stimulus include its wait for the bus, which only an adapter with echo tells"
    return Finding(name, "echo", Mark.WARN, text, todo, {"echo": False})


def can_fd(patient: Patient) -> Finding:
    """Whether adapter, bench file and bus agree about CAN FD."""
    subject, name, fd = patient.subject, patient.subject.name, patient.heard.fd
    facts = {"configured": subject.spec.fd, "frames": fd}
    if fd and not subject.spec.fd:
        text = f"{fd} CAN FD frames on a channel that the bench file calls classic"
        return Finding(name, "CAN FD", Mark.FAIL, text, "give it a data_bitrate", facts)
    if not subject.spec.fd:
        return Finding(name, "CAN FD", Mark.SKIP, "a classic channel", facts=facts)
    if not (patient.heard.capabilities and patient.heard.capabilities.fd):
        text = "the bench file has a data_bitrate, and this adapter no CAN FD"
        return Finding(name, "CAN FD", Mark.FAIL, text, "take another adapter, or leave data_bitrate out", facts)
    if not patient.frames:
        return Finding(name, "CAN FD", Mark.SKIP, "the adapter has it; nothing was heard", facts=facts)
    return Finding(name, "CAN FD", Mark.OK, f"{fd} of {patient.frames} frames", facts=facts)


CHECKS: tuple[Callable[[Patient], Finding], ...] = (
    traffic, bit_rate, database, second_sender, nodes, timestamps, echo, can_fd,
)  # fmt: skip
"""All but :func:`adapter`, without which there is nothing to check."""


def title(check: Callable[[Patient], Finding]) -> str:
    """A check's name in the table."""
    return {"second_sender": "senders", "can_fd": "CAN FD"}.get(check.__name__, check.__name__.replace("_", " "))


def _load(patient: Patient) -> float | None:
    """Share of the time in which the bus was busy; None where there is no bus with a bit rate."""
    if manner_of(patient.subject.spec) is Manner.VIRTUAL:
        return None
    lengths = patient.subject.plan.lengths
    gap = INTERMISSION * 1e9 / patient.subject.spec.bitrate
    busy = 0.0
    for frame, count in patient.heard.contents.items():
        try:
            busy += count * (lengths[frame][1] + gap)
        except BusError:  # CAN FD on a classic channel; another check says so
            continue
    return busy / patient.heard.span


def _garbled(patient: Patient) -> Iterable[str]:
    """Messages that their definition cannot explain, though they are long enough."""
    for key in patient.keys:
        message = patient.subject.known.get(key)
        if message is None or message.container:
            continue
        frames = (frame for frame in patient.heard.contents if frame.key == key and not frame.remote)
        if any(len(frame.data) >= message.length and message.codec.decodable(frame.data) for frame in frames):
            yield _named(patient, key)


def _named(patient: Patient, key: int) -> str:
    message = patient.subject.known.get(key)
    return f"{id_text(key)} {message.name}" if message is not None else id_text(key)


def _rates(patient: Patient) -> str:
    spec = patient.subject.spec
    if manner_of(spec) is Manner.VIRTUAL:
        return "no bit rate here"
    data = f" and {spec.data_bitrate / 1e6:g} Mbit/s" if spec.data_bitrate else ""
    return f"{spec.bitrate / 1e3:g} kbit/s{data}"


def _span(span_ns: int) -> str:
    """A span to two digits or so: nobody needs more of it here.

    >>> _span(2_001_234_567), _span(4_567_890), _span(45_147), _span(999)
    ('2 s', '4.6 ms', '45 µs', '999 ns')
    """
    digits = next((digits for digits in (8, 5, 3) if span_ns >= 10 ** (digits + 1)), 0)
    return time_text(round(span_ns, -digits) if digits else span_ns)


def _some(names: Iterable[str]) -> str:
    every = list(names)
    return ", ".join(every[:NAMED]) + (f" and {len(every) - NAMED} more" if len(every) > NAMED else "")
