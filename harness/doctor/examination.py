"""A bench under examination: its lease, its channels, its instruments, in a bounded time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from harness.adapter.driver import Driver
from harness.bench.blueprint import Blueprint
from harness.bench.file import BenchFile
from harness.bench.rig import resources
from harness.doctor import active, passive
from harness.doctor.channel import Patient, Subject, subjects_of
from harness.doctor.finding import Finding, Mark, examined, refused
from harness.doctor.instruments import Identification, OpenInstrument, supply_is_off
from harness.doctor.listening import Listened, Listener, Manner, Opener, manner_of
from harness.doctor.ports import serial_ports_text
from harness.errors import AdapterError
from harness.instruments.opening import open_instrument
from harness.instruments.spec import InstrumentSpec
from harness.lease import take

SECONDS = 2.0
"""For how long each channel is listened to, s."""


@dataclass(frozen=True, slots=True)
class Examination:
    """How a bench is examined. active: whether frames may be sent that the bench file declares harmless.

    seconds: how long to listen. open_channel, open_instrument: how hardware is opened.
    """

    blueprint: Blueprint
    active: bool = False
    seconds: float = SECONDS
    open_channel: Opener = Driver
    open_instrument: OpenInstrument = open_instrument

    @property
    def _instruments(self) -> tuple[InstrumentSpec, ...]:
        return self.blueprint.file.instruments

    def findings(self) -> list[Finding]:
        """Everything that there is to say about this bench, in the order of the bench file."""
        file = self.blueprint.file
        subjects = tuple(subjects_of(self.blueprint))
        if not subjects:
            return [_simulated(file)]
        try:
            lease = take(resources(file), file.name, "harness doctor")
        except AdapterError as error:
            return [refused("bench", "lease", error), *self._untouched(subjects)]
        with lease:
            count = len(lease.resources)
            text = f"free: nobody else uses its {'adapter' if count == 1 else f'{count} adapters and ports'}"
            free = Finding("bench", "lease", Mark.OK, text, facts={"resources": list(lease.resources)})
            return [free, *self._examined(subjects)]

    def _untouched(self, subjects: Sequence[Subject]) -> Iterator[Finding]:
        for name in (*(subject.name for subject in subjects), *(spec.name for spec in self._instruments)):
            yield Finding(name, "adapter", Mark.SKIP, "not opened, as the bench is in use")

    def _examined(self, subjects: Sequence[Subject]) -> Iterator[Finding]:
        identification = Identification(self._instruments, self.open_instrument)
        listeners = {subject.name: self._listener(subject) for subject in subjects}
        try:
            heard = {name: listener.result() for name, listener in listeners.items() if listener is not None}
        except KeyboardInterrupt:
            for listener in listeners.values():
                if listener is not None:
                    listener.stop()
            raise
        instruments = list(identification.findings())
        sent = {subject.name: self._sent(subject, heard[subject.name]) for subject in subjects if subject.name in heard}
        answered = any(
            finding.mark is Mark.OK for group in sent.values() for finding in group if finding.check == "served"
        )
        for subject in subjects:
            if subject.name not in heard:
                yield _too_loud(subject)
                continue
            excuse = _excuse(subject, sent[subject.name], answered=answered, off=supply_is_off(instruments))
            yield from _channel(Patient(subject, heard[subject.name], excuse))
            yield from sent[subject.name]
        yield from instruments

    def _sent(self, subject: Subject, heard: Listened) -> list[Finding]:
        """What is known by sending, where that is wanted, and does no harm as far as listening can tell."""
        if heard.capabilities is None or heard.problem is not None:
            return []
        if self.active and passive.bit_rate(Patient(subject, heard)).mark is Mark.FAIL:
            return [Finding(subject.name, "ACK", Mark.SKIP, "nothing was sent, as the bit rate is wrong")]
        return list(active.findings(subject, self.open_channel) if self.active else active.skipped(subject))

    def _listener(self, subject: Subject) -> Listener | None:
        if manner_of(subject.spec) is Manner.ACTIVE and not self.active:
            return None
        return Listener(subject.spec, subject.diagnosis(), self.seconds, self.open_channel)


def _excuse(subject: Subject, sent: Sequence[Finding], *, answered: bool, off: bool) -> str:
    """Why silence on a channel speaks against nothing."""
    if off:
        return "the power supply is off, which is its safe state"
    acknowledged = any(finding.check == "ACK" and finding.mark is Mark.OK for finding in sent)
    if subject.sleeps and (answered or acknowledged):
        return "somebody is there, and the network sleeps"
    return ""


def _channel(patient: Patient) -> Iterator[Finding]:
    name = patient.subject.name
    opened = examined(name, "adapter", partial(passive.adapter, patient))
    if patient.heard.capabilities is None:
        yield opened if patient.heard.hangs else _with_neighbours(patient.subject, opened)
        return
    yield opened
    for check in passive.CHECKS:
        yield examined(name, passive.title(check), partial(check, patient))


def _with_neighbours(subject: Subject, finding: Finding) -> Finding:
    """The finding about a port that does not exist, with those that do."""
    where = subject.spec.where
    if not where.startswith("/") or Path(where).exists():
        return finding
    text = f"{subject.spec}: there is no {where}"
    if Path(where).is_symlink():
        text = f"{subject.spec}: {where} leads to {Path(where).readlink()}, which is gone"
    start = "start the served vehicle (harness simulate), or " if subject.file.served else ""
    todo = f"{start}plug the adapter in, or correct `channel` in the bench file; {serial_ports_text()}"
    return Finding(finding.subject, finding.check, Mark.FAIL, text, todo, finding.facts)


def _too_loud(subject: Subject) -> Finding:
    text = f"{subject.spec}: not opened, as {subject.spec.interface} cannot just listen: it would take part in the bus"
    todo = "run with --active when you know that the bit rate is right, or that the bus may be disturbed"
    return Finding(subject.name, "adapter", Mark.FAIL, text, todo)


def _simulated(file: BenchFile) -> Finding:
    text = f"{file.path.name}: every channel is simulated; it needs no hardware"
    return Finding("bench", "channels", Mark.OK, text)
