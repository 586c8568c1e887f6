"""Whether the instruments of a bench are there, and are what the bench file says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import cast

from harness.doctor.bounded import Attempt
from harness.doctor.finding import Finding, Mark, examined
from harness.instruments.roles import SUPPLY, Instrument, PowerSupply
from harness.instruments.spec import InstrumentSpec

LIMIT_S = 5.0
"""An instrument that has not said who it is by then hangs, s."""

OpenInstrument = Callable[[InstrumentSpec], Instrument]


class Identification:
    """All instruments at once, each in a thread of its own: they are asked who they are, and changed in nothing."""

    def __init__(self, specs: Sequence[InstrumentSpec], open_instrument: OpenInstrument) -> None:
        self._attempts = [
            (spec, Attempt(partial(_ask, spec, open_instrument), f"{spec.driver} on {spec.port}")) for spec in specs
        ]

    def findings(self) -> Iterable[Finding]:
        """One per instrument, within a bounded time."""
        for spec, attempt in self._attempts:
            yield examined(spec.name, "instrument", partial(_finding, spec, attempt))


def supply_is_off(findings: Iterable[Finding]) -> bool:
    """Whether there are power supplies, and none of them is on."""
    states = [finding.facts["on"] for finding in findings if finding.facts.get("on") is not None]
    return bool(states) and not any(states)


@dataclass(frozen=True, slots=True)
class _Asked:
    """on: whether a power supply's output is on; None: it is none."""

    role: str
    identity: str
    on: bool | None


def _ask(spec: InstrumentSpec, open_instrument: OpenInstrument) -> _Asked:
    instrument = open_instrument(spec)
    try:
        on = cast(PowerSupply, instrument).is_on() if instrument.role == SUPPLY else None
        return _Asked(instrument.role, instrument.identity, on)
    finally:
        instrument.disconnect()


def _finding(spec: InstrumentSpec, attempt: Attempt[_Asked]) -> Finding:
    asked = attempt.result(LIMIT_S)
    facts = {
        "role": asked.role, "driver": spec.driver, "port": spec.port, "identity": asked.identity, "on": asked.on,
    }  # fmt: skip
    state = "" if asked.on is None else ", output on" if asked.on else ", output off"
    text = f"{asked.role} on {spec.port}{state}: {asked.identity or f'opened; a {spec.driver} does not say who it is'}"
    return Finding(spec.name, "instrument", Mark.OK, text, facts=facts)
