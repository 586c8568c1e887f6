"""The instruments of a bench, opened: by name, and by role."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import cast

from harness.errors import Blocked, InstrumentError, nearest
from harness.instruments.drivers import driver_named
from harness.instruments.hooks import Hooks
from harness.instruments.roles import (
    CONSOLE,
    MULTIMETER,
    RELAY,
    SUPPLY,
    Console,
    Instrument,
    Multimeter,
    PowerSupply,
    Relay,
)
from harness.instruments.spec import InstrumentSpec


def _ignore(*_: object) -> None:
    """Nobody wants to know."""


class Instruments:
    """What stands on the bench beside the bus, in the order of the bench file.

    again: how to open each anew, by name. Raises :class:`~harness.errors.Blocked` when a test asks for what this bench
    does not have.
    """

    def __init__(
        self, instruments: Sequence[Instrument] = (), again: Mapping[str, Callable[[], Instrument]] | None = None
    ) -> None:
        self._all = {each.name: each for each in instruments}
        self._again = again or {}

    def __iter__(self) -> Iterator[Instrument]:
        return iter(self._all.values())

    def __len__(self) -> int:
        return len(self._all)

    def __getitem__(self, name: str) -> Instrument:
        """The instrument of that name."""
        try:
            return self._all[name]
        except KeyError:
            there = f"it has {', '.join(self._all)}" if self._all else "its bench file has no table [instruments]"
            raise Blocked(f"this bench has no instrument {name!r}; {there}{nearest(name, self._all)}") from None

    def of_role(self, role: str, name: str | None = None) -> Instrument:
        """The instrument that fills the role; the one of that name, when several do."""
        fitting = [each for each in self if each.role == role]
        if name is not None:
            found = self[name]
            if found not in fitting:
                raise Blocked(f"instrument {name!r} of this bench is a {found.role}, not a {role}")
            return found
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            names = ", ".join(each.name for each in fitting)
            raise Blocked(f"this bench has {len(fitting)} instruments of the role {role}: name one of {names}")
        there = ", ".join(f"{each.name} ({each.role})" for each in self) or "no instrument at all"
        raise Blocked(f"this bench has no {role}; it has {there}")

    def supply(self, name: str | None = None) -> PowerSupply:
        """The power supply."""
        return cast(PowerSupply, self.of_role(SUPPLY, name))

    def relay(self, name: str | None = None) -> Relay:
        """The relay board."""
        return cast(Relay, self.of_role(RELAY, name))

    def multimeter(self, name: str | None = None) -> Multimeter:
        """The multimeter."""
        return cast(Multimeter, self.of_role(MULTIMETER, name))

    def console(self, name: str | None = None) -> Console:
        """The ECU's console."""
        return cast(Console, self.of_role(CONSOLE, name))

    def check(self) -> None:
        """Raise the first :class:`~harness.errors.InstrumentError` of those that are not as they were left."""
        for each in self:
            each.check()

    def renew(self) -> None:
        """Open anew what is :attr:`lost <harness.instruments.roles.Instrument.lost>`: it may be plugged in again.

        Raises :class:`~harness.errors.InstrumentError` for one that is not.
        """
        for name, each in self._all.items():
            if getattr(each, "lost", "") and name in self._again:  # a third party's driver may not know the word
                with suppress(InstrumentError):
                    each.disconnect()
                self._all[name] = self._again[name]()

    def disconnect(self) -> None:
        """Close all ports and leave the instruments as they are; may be called twice."""
        for each in self:
            each.disconnect()


def open_instrument(spec: InstrumentSpec, hooks: Hooks | None = None) -> Instrument:
    """Open one instrument. Raises :class:`~harness.errors.InstrumentError`, :class:`~harness.errors.ConfigError`."""
    return driver_named(spec.driver)(spec, hooks or Hooks())


def open_instruments(
    specs: Sequence[InstrumentSpec],
    *,
    note: Callable[[str], object] = _ignore,
    on_line: Callable[[str, int, str], object] = _ignore,
    on_failure: Callable[[str, InstrumentError], object] = _ignore,
) -> Instruments:
    """Open them all, or none: when one cannot be opened, those before are closed as they are, and the error goes on.

    note: one line for the run's evidence. on_line: a console's name, and a line that it read (clock_ns, text).
    on_failure: an instrument's name, and the error with which its reader has ended. They are called from any thread.
    """
    opened: list[Instrument] = []
    again = {
        spec.name: partial(
            open_instrument, spec, Hooks(note, partial(on_line, spec.name), partial(on_failure, spec.name))
        )
        for spec in specs
    }
    try:
        for spec in specs:
            opened.append(again[spec.name]())
            note(f"{spec.name}: {opened[-1].identity or spec.driver} on {spec.port}")
    except BaseException:
        Instruments(opened).disconnect()
        raise
    return Instruments(opened, again)
