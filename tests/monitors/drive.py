"""Drives monitors as a world does: frames at their instants, deadlines after them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.frames import ErrorFrame, Frame, Received
from harness.monitors.monitor import Monitor, Outcome, Violation
from harness.monitors.rules import MessageRule
from harness.signals.definitions import MessageDef, SignalDef

MS = 1_000_000


def rule(
    name: str = "Lamps", key: int = 0x140, cycle: int | None = 10 * MS, *signals: SignalDef, **more: object
) -> MessageRule:
    """A rule of a message of one byte on ``can``, sent by LAMP every 10 ms."""
    length = int(more.pop("length", 1))  # type: ignore[call-overload]
    fd = bool(more.pop("fd", False))
    message = MessageDef(name, key, length, signals, fd=fd)
    given: dict[str, object] = {"sender": "LAMP", "cycle_ns": cycle, **more}
    return MessageRule("can", message, **given)  # type: ignore[arg-type]


def frame(time: float, key: int = 0x140, data: bytes = b"\0", channel: str = "can") -> Received:
    """A frame; time in ms."""
    return Received(round(time * MS), channel, Frame(key, data))


def drive(
    monitors: Monitor | Sequence[Monitor],
    seen: Iterable[Received | ErrorFrame],
    until: float,
    looks: Sequence[int] = (),
    begin: int = 0,
) -> tuple[list[Violation], list[Outcome]]:
    """Violations and outcomes up to ``until`` (ms). looks: further instants (ns) at which all are told the time."""
    every = [monitors] if not isinstance(monitors, Sequence) else list(monitors)
    found: list[Violation] = []
    for monitor in every:
        monitor.begin(begin)

    def advance(time: int) -> None:
        while True:
            due = [each for monitor in every if (each := monitor.due) is not None and each <= time]
            due += [each for each in pending if each <= time]
            if not due:
                return
            now = min(due)
            pending[:] = [each for each in pending if each > now]
            for monitor in every:
                found.extend(monitor.advance(now))
                assert monitor.due is None or monitor.due > now

    pending = sorted(looks)
    for each in seen:
        advance(each.time - 1)
        for monitor in every:
            if isinstance(each, ErrorFrame):
                found.extend(monitor.receive_error(each))
            else:
                wanted = monitor.wants(each.channel)
                if wanted is None or each.frame.key in wanted:
                    found.extend(monitor.receive(each))
    end = round(until * MS)
    advance(end)
    return found, [outcome for monitor in every for outcome in monitor.finish(end)]
