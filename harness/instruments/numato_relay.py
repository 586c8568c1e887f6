"""Relay boards of Numato Lab and all that speak as they do: ``relay on 0``, ``relay off 0``, ``relay read 0``.

The board echoes what it is sent, answers, and ends with the prompt ``>``. Relays 10 and up are called A, B, ... V.
(Numato Lab, user guides of the USB relay modules.) Its state can be read back, so a safe state can be confirmed; what
it says is whether the coil is driven, not whether the contact has moved.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from harness.errors import ConfigError, InstrumentError, nearest
from harness.instruments.hooks import Hooks
from harness.instruments.options import options_of
from harness.instruments.port import Port, shown, span
from harness.instruments.roles import RELAY, ContactState
from harness.instruments.spec import InstrumentSpec, Keys, PortSettings

MOST_RELAYS = 32
_ATTEMPTS = 2
_SAFE = ("open", "closed", "keep")


@dataclass(frozen=True, slots=True)
class Contact:
    """One contact. relay: its number on the board, from 0. normally_closed: it is closed while its coil is not driven.

    safe: its safe state; ``keep`` leaves it as it is.
    """

    name: str
    relay: int
    normally_closed: bool = False
    safe: Literal["open", "closed", "keep"] = "open"

    def command(self, state: ContactState) -> str:
        """What brings it into that state.

        >>> Contact("main", 0).command("open"), Contact("charger", 10, normally_closed=True).command("open")
        ('relay off 0', 'relay on A')
        """
        driven = (state == "closed") is not self.normally_closed
        return f"relay {'on' if driven else 'off'} {_digit(self.relay)}"


@dataclass(frozen=True, slots=True)
class RelayOptions:
    """contacts: the values of :class:`Contact`, one by one."""

    contacts: list[dict[str, Any]]


class NumatoRelay:
    """A relay board; see :class:`harness.instruments.roles.Relay`. When it is opened, no contact moves."""

    role: ClassVar[str] = RELAY
    settings: ClassVar[PortSettings] = PortSettings(baudrate=19_200)
    has_safe_state: ClassVar[bool] = True

    def __init__(self, spec: InstrumentSpec, hooks: Hooks) -> None:
        try:
            contacts = [Contact(**each) for each in options_of(RelayOptions, spec).contacts]
        except TypeError as error:
            raise ConfigError(f"contacts of instrument {spec.name!r}: {error}") from error
        self.name, self.where = spec.name, spec.port
        self.contacts = tuple(contact.name for contact in contacts)
        self._contacts = {contact.name: contact for contact in contacts}
        self._note = hooks.note
        self._told: dict[str, ContactState] = {}
        self._port = Port(spec.name, spec.port, spec.settings)
        try:
            self.identity = self._introduced()
            for contact in self.contacts:
                self.state(contact)  # a board with fewer relays is found now
        except BaseException:
            self._port.disconnect()
            raise

    @classmethod
    def options(cls, keys: Keys) -> dict[str, Any]:
        """See :class:`harness.instruments.drivers.Driver`."""
        contacts: list[dict[str, Any]] = []
        for name, table in keys.tables("contacts").items():
            relay = table.take("relay", int, required=True)
            if not 0 <= relay < MOST_RELAYS:
                raise table.error(f"{table.where}.relay must lie between 0 and {MOST_RELAYS - 1}, not {relay}")
            twin = next((each["name"] for each in contacts if each["relay"] == relay), None)
            if twin is not None:
                raise table.error(f"{table.where}.relay: contact {twin!r} has relay {relay} already")
            contacts.append(
                {
                    "name": name,
                    "relay": relay,
                    "normally_closed": table.take("normally_closed", bool, False),
                    "safe": table.choice("safe", _SAFE, "open"),
                }
            )
            table.done()
        if not contacts:
            raise keys.error(f"{keys.where} has no contact: add for instance contacts.main = {{ relay = 0 }}")
        return {"contacts": contacts}

    # -- the role --------------------------------------------------------------------------------------------------

    def close(self, contact: str) -> None:
        """See :meth:`harness.instruments.roles.Relay.close`."""
        self._move(self._contact(contact), "closed")

    def open(self, contact: str) -> None:
        """See :meth:`harness.instruments.roles.Relay.open`."""
        self._move(self._contact(contact), "open")

    def state(self, contact: str) -> ContactState:
        """See :meth:`harness.instruments.roles.Relay.state`."""
        found = self._contact(contact)
        question = f"relay read {_digit(found.relay)}"
        lines = self._talk(question, "on or off")
        if lines not in (["on"], ["off"]):
            raise self._wrong(question, "on or off", repr("\n".join(lines)), f"has the board a relay {found.relay}?")
        return "closed" if (lines == ["on"]) is not found.normally_closed else "open"

    @property
    def lost(self) -> str:
        """See :attr:`harness.instruments.roles.Instrument.lost`."""
        return self._port.lost

    def check(self) -> None:
        """See :meth:`harness.instruments.roles.Instrument.check`."""
        for name in self.contacts:
            state = self.state(name)
            if state != self._told.get(name, state):
                told = f"expected contact {name!r} {self._told[name]}, as it was switched"
                raise self._port.error(f"{told}, got {state}; was the board reset?")

    def safe(self) -> str:
        """See :meth:`harness.instruments.roles.Instrument.safe`: every contact as declared, in the declared order."""
        declared: dict[Contact, ContactState] = {
            contact: contact.safe for contact in self._contacts.values() if contact.safe != "keep"
        }
        failure: InstrumentError | None = None
        for _ in range(_ATTEMPTS):
            try:
                return self._reach(declared)
            except InstrumentError as error:
                failure = error
        assert failure is not None
        raise failure

    def disconnect(self) -> None:
        """See :meth:`harness.instruments.roles.Instrument.disconnect`."""
        self._port.disconnect()

    # -- how -------------------------------------------------------------------------------------------------------

    def _contact(self, name: str) -> Contact:
        try:
            return self._contacts[name]
        except KeyError:
            known = f"it has {', '.join(self.contacts)}{nearest(name, self.contacts)}"
            raise InstrumentError(f"{self.name} has no contact {name!r}; {known}") from None

    def _reach(self, declared: dict[Contact, ContactState]) -> str:
        with self._port.held():
            self._port.reopen()
            # First of all, and without demanding an answer: a board that answers no more may still obey.
            for contact, state in declared.items():
                self._told[contact.name] = state
                self._port.in_step = False
                self._port.write(f"\r{contact.command(state)}\r".encode())
                self._port.discard(quiet_ns=20_000_000)
            seen = {contact: self.state(contact.name) for contact in declared}
        wrong = " and ".join(f"{each.name} {seen[each]}" for each, state in declared.items() if seen[each] != state)
        reached = " and ".join(f"{each.name} {state}" for each, state in declared.items())
        if wrong:
            raise self._port.error(f"expected {reached}, got {wrong}; switch it off by hand")
        if declared:
            self._note(f"{self.name}: {reached} (read back)")
        return reached

    def _move(self, contact: Contact, state: ContactState) -> None:
        with self._port.held():
            command = contact.command(state)
            self._told[contact.name] = state
            lines = self._talk(command, "no answer but the prompt")
            if lines:
                raise self._wrong(command, "no answer but the prompt", repr("\n".join(lines)), "is it such a board?")
            seen = self.state(contact.name)
        if seen != state:
            raise self._port.error(f"{command!r}: expected {contact.name} {state}, got {seen}; is the board damaged?")
        self._note(f"{self.name}: {contact.name} {state} (read back)")

    def _introduced(self) -> str:
        with self._port.exchange():
            self._port.write(b"\r")  # ends what may stand half typed in its buffer
            self._port.discard(quiet_ns=100_000_000)
        lines = self._talk("ver", "a version and the prompt")
        if len(lines) != 1:
            raise self._wrong("ver", "a version", repr("\n".join(lines)), "is it such a board?")
        return f"Numato relay module, version {lines[0]}"

    def _talk(self, command: str, expected: str) -> list[str]:
        """Send a command; its answer, line by line, without echo and prompt."""
        with self._port.exchange() as in_step:
            if not in_step:
                self._port.write(b"\r")
                self._port.discard(quiet_ns=100_000_000)
            elif unasked := self._port.discard():
                raise self._port.error(
                    f"expected nothing before it is asked, got {shown(unasked)}; has the board been reset?"
                )
            self._port.write(command.encode() + b"\r")
            seen = self._port.read_to(b">", self._port.deadline())
            if not seen.endswith(b">"):
                got = f"half an answer, {shown(seen)}," if seen else "no answer"
                advice = "is it plugged in, and is this its port?"
                raise self._wrong(command, expected, f"{got} {span(self._port.settings.timeout_ns)}", advice)
            lines = [line.strip() for line in seen[:-1].decode("latin-1").replace("\r", "\n").split("\n")]
            echo, *answer = [line for line in lines if line] or [""]
            if echo != command:
                raise self._wrong(command, "the command's echo", shown(seen), "is it such a board?")
            return answer

    def _wrong(self, command: str, expected: str, got: str, advice: str) -> InstrumentError:
        return self._port.error(f"{command!r}: expected {expected}, got {got}; {advice}")


def _digit(relay: int) -> str:
    """A relay's number as the board writes it.

    >>> _digit(9), _digit(10), _digit(31)
    ('9', 'A', 'V')
    """
    return "0123456789ABCDEFGHIJKLMNOPQRSTUV"[relay]
