"""Network databases: which messages and signals a channel knows.

>>> import tempfile, pathlib
>>> file = pathlib.Path(tempfile.mkdtemp()) / "tank.dbc"
>>> level = 'SG_ Level : 0|8@1+ (0.5,0) [0|100] "%" TANK'
>>> _ = file.write_text(f'VERSION ""\\nBU_: TANK\\nBO_ 291 Tank: 1 TANK\\n {level}\\n')
>>> database = load_database(file)
>>> database.signal("Level").full_name, database.by_id(0x123).name
('Tank.Level', 'Tank')
>>> database.signal("Levle")
Traceback (most recent call last):
harness.errors.UnknownSignalError: database tank.dbc has no signal 'Levle'; did you mean 'Level'?
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.errors import DatabaseError, UnknownSignalError, nearest
from harness.frames import EXTENDED, id_text
from harness.signals.definitions import MessageDef, SignalDef
from harness.signals.loading import parse, read_file

__all__ = ["Database", "MessageDef", "SignalDef", "check_together", "load_database"]


@dataclass(frozen=True, slots=True, eq=False)
class Database:
    """One database file.

    path: where it came from. sha256: of its bytes, in hexadecimal. nodes: names. messages: in the file's order.
    remarks: what was odd in the file and how it was taken (a name defined twice, a signal outside its message), one
    sentence each; empty for a clean file.
    """

    path: Path
    sha256: str
    nodes: tuple[str, ...]
    messages: tuple[MessageDef, ...]
    remarks: tuple[str, ...] = ()
    _by_name: dict[str, MessageDef] = field(init=False, repr=False)
    _by_key: dict[int, MessageDef] = field(init=False, repr=False)
    _by_signal: dict[str, list[tuple[MessageDef, SignalDef]]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        by_signal: dict[str, list[tuple[MessageDef, SignalDef]]] = {}
        by_name = {message.name: message for message in self.messages}
        for message in by_name.values():
            for signal in message.signals:
                by_signal.setdefault(signal.name, []).append((message, signal))
        object.__setattr__(self, "_by_name", by_name)
        object.__setattr__(self, "_by_key", {message.key: message for message in self.messages})
        object.__setattr__(self, "_by_signal", by_signal)

    def message(self, name: str) -> MessageDef:
        """The message of that name.

        Raises :class:`~harness.errors.UnknownSignalError` with the nearest names.
        """
        try:
            return self._by_name[name]
        except KeyError:
            close = nearest(name, self._by_name)
            raise UnknownSignalError(f"database {self.path.name} has no message {name!r}{close}") from None

    def by_id(self, identifier: int, extended: bool = False) -> MessageDef | None:
        """The message with that identifier (11 bits, or 29 when ``extended``); None when there is none."""
        return self._by_key.get(identifier | EXTENDED if extended else identifier)

    def with_signal(self, name: str) -> Sequence[tuple[MessageDef, SignalDef]]:
        """The signals of that name, each with its message; none for an unknown one."""
        return self._by_signal.get(name, ())

    def signal(self, name: str) -> SignalDef:
        """A signal by ``"Message.Signal"``, or by its own name where only one message has it.

        Raises :class:`~harness.errors.UnknownSignalError` with the nearest names, or with the messages to choose from.
        """
        message, dot, signal = name.rpartition(".")
        if dot:
            return self.message(message).signal(signal)
        found = self.with_signal(name)
        if len(found) == 1:
            return found[0][1]
        if found:
            choice = ", ".join(repr(signal.full_name) for _, signal in found)
            raise UnknownSignalError(f"signal {name!r} is in {len(found)} messages: write one of {choice}")
        close = nearest(name, self._by_signal)
        raise UnknownSignalError(f"database {self.path.name} has no signal {name!r}{close}")


def load_database(path: str | Path, *, strict: bool = True) -> Database:
    """Read a database file of any format that cantools reads: DBC, ARXML, KCD, SYM.

    With ``strict`` a file with overlapping signals, with signals outside their message, or with value tables of
    signals that do not exist is refused. Without, it is taken as far as it goes, and :attr:`Database.remarks` says
    what was left out.

    Raises :class:`~harness.errors.DatabaseError`: no such file (with the nearest names), does not parse (with the
    line), describes no CAN messages (CDD), loads only with ``strict=False`` (with the line and the option).
    """
    path = Path(path)
    content = read_file(path)
    parsed = parse(path, content, strict=strict)
    return Database(path, hashlib.sha256(content).hexdigest(), parsed.nodes, parsed.messages, parsed.remarks)


def check_together(databases: Sequence[Database]) -> None:
    """Refuse databases that cannot share a channel: two of them give one identifier, or one name, to two messages.

    Raises :class:`~harness.errors.DatabaseError` naming both files.
    """
    keys: dict[int, tuple[Database, MessageDef]] = {}
    names: dict[str, Database] = {}
    for database in databases:
        for message in database.messages:
            other, claimed = keys.setdefault(message.key, (database, message))
            if other is not database:
                raise DatabaseError(
                    f"identifier {id_text(message.key)} is message '{claimed.name}' in {other.path} and "
                    f"'{message.name}' in {database.path}: one channel cannot have both"
                )
            if (first := names.setdefault(message.name, database)) is not database:
                raise DatabaseError(f"message '{message.name}' is in {first.path} and in {database.path}")
