"""What happened in a world, in order: the journal from which reports are rendered afterwards.

The bench appends events while the test runs and calls no reporter: rendering needs the test's own thread, and a test
in virtual time should not pay for evidence that nobody reads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.evidence.verdicts import Verdict

Kind = Literal["stimulus", "plant", "expectation", "disturbance", "wait", "incident", "note", "plot"]


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit that a plot draws. signal: ``channel.Message.Signal``. value: in the signal's unit; of a label, raw."""

    signal: str
    value: float


@dataclass(frozen=True, slots=True)
class Measure:
    """A number that is worth following from run to run.

    name: what it is, without the numbers of this run, for instance ``reaction time of BrakeLamp == On``. value: in
    ``unit``. better: whether a smaller or a greater one is good.
    """

    name: str
    value: float
    unit: str
    better: Literal["lower", "higher"] = "higher"


@dataclass(frozen=True, slots=True)
class Claim:
    """What was judged, in the columns of a verdict table; texts carry their units, "" leaves a cell empty.

    signals: those to plot, by path ``channel.Message.Signal``. limits: of those signals. window: the interval that was
    judged, or in which it was violated, ns, both included; None: the event's own instant. measures: what is followed
    over the runs, reaction times and margins.
    """

    expected: str
    actual: str
    tolerance: str = ""
    margin: str = ""
    signals: tuple[str, ...] = ()
    limits: tuple[Limit, ...] = ()
    window: tuple[int, int] | None = None
    measures: tuple[Measure, ...] = ()


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a test's story.

    time: when, in ns since the world began. kind: what sort of event.
    title: one line with numbers and units, as a reviewer reads it:
    ``expect BrakeLamp == On within 80 ms: after 32.1 ms, margin 47.9 ms``.
    verdict: for what was judged; ``None`` for what merely happened.
    details: name and value pairs shown below the title, for instance ``("seen", "Off at 1.02 s")``.
    claim: what was judged, for tables and plots; None for what merely happened.
    signals: what a stimulus changed, by path ``channel.Message.Signal``; plots show them beside what was judged. Of a
    ``plot``: what it shows.
    since: of a ``plot``, where it begins, ns of the world; None: with the test.

    >>> event = Event(80_000_000, "stimulus", "set BrakePedal = 40 %", signals=("body.Pedals.BrakePedal",))
    >>> event.kind, event.verdict, event.claim
    ('stimulus', None, None)
    """

    time: int
    kind: Kind
    title: str
    verdict: Verdict | None = None
    details: tuple[tuple[str, str], ...] = ()
    claim: Claim | None = None
    signals: tuple[str, ...] = ()
    since: int | None = None
