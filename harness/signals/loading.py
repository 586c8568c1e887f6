"""From a database file to definitions: what cantools read, put into our own values, and errors that name the line."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import DatabaseError, nearest
from harness.signals.definitions import MessageDef, SignalDef
from harness.signals.layout import overlapping, place_of, root_selection

if TYPE_CHECKING:
    from cantools.database import Database as CanDatabase
    from cantools.database import Message, Signal

FORMATS = ("dbc", "arxml", "kcd", "sym", "cdd")
"""File name extensions that tell the format; a file with another is tried in every format."""

_NOBODY = "Vector__XXX"
_STRAY = re.compile(r"^\s*((?:VAL_|SIG_VALTYPE_) \d+ \w+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Content:
    """What a file holds. remarks: what was odd in it and how it was taken, one sentence each."""

    nodes: tuple[str, ...]
    messages: tuple[MessageDef, ...]
    remarks: tuple[str, ...]


def read_file(path: Path) -> bytes:
    """The bytes of the file.

    Raises :class:`~harness.errors.DatabaseError` with the nearest file names when there is none.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        folder = path.parent
        if not folder.is_dir():
            raise DatabaseError(f"database {path}: there is no folder {folder}") from None
        files = sorted(entry.name for entry in folder.iterdir() if entry.suffix[1:].lower() in FORMATS)
        there = nearest(path.name, files) or (f"; the folder has {', '.join(files[:8])}" if files else "")
        raise DatabaseError(f"database {path} does not exist{there}") from None
    except OSError as error:
        raise DatabaseError(f"database {path} cannot be read: {error.strerror}") from error


def parse(path: Path, content: bytes, *, strict: bool) -> Content:
    """Read a database with cantools and take it over.

    Raises :class:`~harness.errors.DatabaseError` naming file, line and what to do.
    """
    suffix = path.suffix[1:].lower()
    text = _decoded(content, suffix)
    database, dropped = _load(path, text, suffix, strict)
    if not hasattr(database, "messages"):
        raise DatabaseError(f"database {path} is a diagnostics database (CDD): it describes no CAN messages")
    remarks = list(dropped)
    messages = tuple(_message(message, remarks) for message in database.messages)
    _remark_doubles(messages, remarks)
    nodes = tuple(node.name for node in database.nodes if node.name != _NOBODY)
    return Content(nodes, messages, tuple(remarks))


def _decoded(content: bytes, suffix: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        # DBC and SYM editors write the Windows code page; nothing else could be told from the file.
        return content.decode("cp1252" if suffix in ("dbc", "sym") else "utf-8", errors="replace")


def _load(path: Path, text: str, suffix: str, strict: bool) -> tuple[CanDatabase | Any, list[str]]:
    from cantools.database import load_string
    from cantools.database.errors import Error

    database_format = suffix if suffix in FORMATS else None

    def load(source: str, as_strict: bool) -> Any:
        with warnings.catch_warnings():
            # cantools warns that it will drop diagnostics databases; we refuse them anyway.
            warnings.simplefilter("ignore", DeprecationWarning)
            return load_string(source, database_format, strict=as_strict)

    try:
        return load(text, strict), []
    except Error as error:
        refusal = error
    if strict:
        _load(path, text, suffix, strict=False)
        raise DatabaseError(
            f"database {path}{_place(text, str(refusal))} is refused: {_cause(refusal)}; 'strict = false' for its "
            f"channel in the bench file (strict=False of load_database) accepts it"
        ) from refusal
    stray = _STRAY.findall(str(refusal))
    if stray:
        try:
            return load(_without(text, stray), False), [f"{entry}: left out, no such signal" for entry in stray]
        except Error as error:
            refusal = error
    raise DatabaseError(
        f"database {path}{_place(text, str(refusal))} does not load: {_cause(refusal)}{_mend(str(refusal))}"
    ) from refusal


def _without(text: str, entries: Sequence[str]) -> str:
    """The text without these VAL_ and SIG_VALTYPE_ statements, which may span several lines."""
    for entry in entries:
        words = r"\s+".join(map(re.escape, entry.split()))
        text = re.sub(rf'^[ \t]*{words}\b(?:"[^"]*"|[^";])*;', "", text, flags=re.MULTILINE)
    return text


def _cause(error: Exception) -> str:
    """What cantools says, without its wrapping: ``DBC: "…"``."""
    found = re.fullmatch(r'[A-Z]+: "(.*)"', str(error), re.DOTALL)
    return " ".join((found.group(1) if found else str(error)).split()).rstrip(".")


def _mend(cause: str) -> str:
    if "more than 11 bits" in cause:
        return "; a 29-bit identifier is written with bit 31 set (0x80000000 added) in a DBC"
    if "Invalid syntax" in cause and re.search(r"(?:BO_|SG_) (?:\d+ )?>>!<<\d", cause):
        return "; a name must not begin with a digit"
    return ""


def _place(text: str, cause: str) -> str:
    """``:line`` of what the error names, "" where it cannot be found."""
    if found := re.search(r"line (\d+)", cause):
        return f":{found.group(1)}"
    lines = text.splitlines()
    if found := _STRAY.search(cause):
        return _line_of(lines, 0, r"\s+".join(found.group(1).split()) + r"\b")
    if not (found := re.search(r"in message (\S+?)\.(?:\"|$|,)", cause)):
        return ""
    message = re.escape(found.group(1))
    at_message = _line_of(lines, 0, rf"BO_\s+\w+\s+{message}\s*:|.*name=\"{message}\"|\[{message}\]|.*>{message}<")
    if at_message and (signal := re.search(r"[Ss]ignals? (\S+)", cause)):
        name = re.escape(signal.group(1))
        signal_line = rf"SG_\s+{name}\b|.*name=\"{name}\"|Sig(?:nal)?={name}\b"
        return _line_of(lines, int(at_message[1:]), signal_line) or at_message
    return at_message


def _line_of(lines: Sequence[str], start: int, pattern: str) -> str:
    matcher = re.compile(r"\s*(?:" + pattern + ")")
    for number, line in enumerate(lines[start:], start + 1):
        if matcher.match(line):
            return f":{number}"
    return ""


def _message(message: Message, remarks: list[str]) -> MessageDef:
    attributes = _attributes(message, "BO_")
    signals: dict[str, SignalDef] = {}
    for raw_signal in message.signals:
        signal = _signal(message.name, raw_signal)
        if place_of(signal).last >= message.length:
            remarks.append(
                f"signal {signal.full_name}: left out, it does not fit in the {message.length} bytes of its message"
            )
            continue
        if signals.pop(signal.name, None) is not None:
            remarks.append(f"signal {signal.full_name}: defined twice, the definition that lies last in the bits holds")
        signals[signal.name] = signal
    _drop_unreachable(signals, remarks)
    given = {raw_signal.name for raw_signal in message.signals if raw_signal.raw_initial is not None}
    _start_multiplexers(signals, given)
    fd = message.is_fd or message.length > 8
    plain = [signal for signal in signals.values() if signal.multiplexer is None]
    if shared := overlapping(plain):
        remarks.append(f"signals {shared[0].full_name} and {shared[1].name}: share bits")
    cycle_ms = message.cycle_time or _number(attributes, "GenMsgCycleTime")
    start_delay = _number(attributes, "GenMsgStartDelayTime")
    return MessageDef(
        name=message.name,
        id=message.frame_id,
        length=message.length,
        signals=tuple(signals.values()),
        extended=message.is_extended_frame,
        fd=fd,
        brs=fd and str(attributes.get("CANFD_BRS", "1")) != "0",
        senders=tuple(node for node in message.senders if node != _NOBODY),
        receivers=tuple(sorted({node for signal in signals.values() for node in signal.receivers})),
        comment=message.comment or "",
        cycle_time_ns=_milliseconds(cycle_ms) or None,
        cycle_time_fast_ns=_milliseconds(_number(attributes, "GenMsgCycleTimeFast")) or None,
        send_type=message.send_type or str(attributes.get("GenMsgSendType", "")),
        repetitions=int(_number(attributes, "GenMsgNrOfRepetition") or 0),
        min_delay_ns=_milliseconds(_number(attributes, "GenMsgDelayTime")),
        start_delay_ns=(
            _milliseconds(start_delay) if start_delay or _is_explicit(message, "GenMsgStartDelayTime") else None
        ),
        attributes=attributes,
        container=message.is_container,
    )


def _drop_unreachable(signals: dict[str, SignalDef], remarks: list[str]) -> None:
    """Leave out signals whose multiplexer is not marked as one: cantools finds them in no frame either."""
    while lost := [
        signal
        for signal in signals.values()
        if signal.multiplexer is not None
        and not (signal.multiplexer in signals and signals[signal.multiplexer].is_multiplexer)
    ]:
        for signal in lost:
            del signals[signal.name]
            remarks.append(f"signal {signal.full_name}: left out, its multiplexer {signal.multiplexer} is not marked M")


def _start_multiplexers(signals: dict[str, SignalDef], given: set[str]) -> None:
    """A multiplexer without a start value of its own starts with the number nearest to 0 that selects something."""
    for name, numbers in root_selection(tuple(signals.values())).tree.numbers.items():
        signal = signals[name]
        if name not in given and signal.to_physical(signal.start_raw) not in numbers:
            start = signal.to_raw(min(numbers, key=abs), strict=False)
            signals[name] = replace(signal, start_raw=start)


def _signal(message: str, signal: Signal) -> SignalDef:
    conversion = signal.conversion
    scale, offset = conversion.scale, conversion.offset
    whole = float(scale).is_integer() and float(offset).is_integer()
    if whole and (not conversion.is_float or (scale == 1 and offset == 0)):
        scale, offset = int(scale), int(offset)
    attributes = _attributes(signal, "SG_")
    definition = SignalDef(
        name=signal.name,
        message=message,
        start=signal.start,
        length=signal.length,
        byte_order=signal.byte_order,
        signed=signal.is_signed,
        is_float=conversion.is_float,
        scale=scale,
        offset=offset,
        minimum=signal.minimum,
        maximum=signal.maximum,
        unit=signal.unit or "",
        choices={raw: str(label) for raw, label in (signal.choices or {}).items()},
        inactive_raw=_number(attributes, "GenSigInactiveValue") or 0,
        is_multiplexer=signal.is_multiplexer,
        multiplexer=signal.multiplexer_signal,
        multiplexer_ids=tuple(signal.multiplexer_ids or ()),
        comment=signal.comment or "",
        send_type=str(attributes.get("GenSigSendType", "")),
        receivers=tuple(node for node in signal.receivers if node != _NOBODY),
    )
    # A default of 0 is what every file has; it says nothing.
    default = _number(attributes, "GenSigStartValue") or None
    return _started(definition, default if signal.raw_initial is None else signal.raw_initial)


def _started(signal: SignalDef, given: int | float | None) -> SignalDef:
    """The definition with its start value: the given raw value as far as the bits go, else nearest to 0 in range."""
    if given is not None and given == given:
        start = signal.fit_raw(given if signal.is_float else round(given), strict=False)
    else:
        low, high = signal.physical_range
        start = 0.0 if signal.is_float else 0
        if not low <= signal.to_physical(start) <= high:
            start = min((signal.to_raw(low, strict=False), signal.to_raw(high, strict=False)), key=abs)
    return replace(signal, start_raw=start) if start else signal


def _attributes(owner: Message | Signal, kind: str) -> dict[str, int | float | str]:
    """Attributes by name with the defaults of the file, enumerations as their text. Only a DBC has them."""
    if owner.dbc is None:
        return {}
    found: dict[str, int | float | str] = {}
    for name, definition in (owner.dbc.attribute_definitions or {}).items():
        if definition.kind == kind and definition.default_value is not None:
            found[name] = _enumerated(definition, definition.default_value)
    for name, attribute in (owner.dbc.attributes or {}).items():
        found[name] = _enumerated(attribute.definition, attribute.value)
    return found


def _enumerated(definition: Any, value: Any) -> int | float | str:
    known: int | float | str = value
    if definition.type_name == "ENUM" and isinstance(value, int) and 0 <= value < len(definition.choices or ()):
        known = str(definition.choices[value])
    return known


def _is_explicit(message: Message, attribute: str) -> bool:
    return message.dbc is not None and attribute in (message.dbc.attributes or {})


def _number(attributes: Mapping[str, int | float | str], name: str) -> int | float | None:
    value = attributes.get(name)
    return value if isinstance(value, (int, float)) else None


def _milliseconds(value: int | float | None) -> int:
    """Milliseconds as the attributes have them, in nanoseconds; a negative one counts as none."""
    return max(0, round((value or 0) * 1_000_000))


def _remark_doubles(messages: Sequence[MessageDef], remarks: list[str]) -> None:
    names: dict[str, MessageDef] = {}
    keys: dict[int, MessageDef] = {}
    for message in messages:
        if names.setdefault(message.name, message) is not message:
            remarks.append(f"message {message.name}: defined twice, the last one holds")
        elif keys.setdefault(message.key, message) is not message:
            remarks.append(
                f"messages {keys[message.key].name} and {message.name}: both have identifier "
                f"0x{message.id:X}, the last one holds"
            )
