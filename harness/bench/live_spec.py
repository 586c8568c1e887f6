"""What a bench file says of a bench with hardware: adapters, the served vehicle, and how the device is reset."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from harness.adapter.spec import AdapterSpec
from harness.bench.table import Table

ResetBy = Literal["none", "served", "power cycle", "key cycle", "frame", "diagnostic"]
Scope = Literal["test", "module", "run"]

RESETS: tuple[ResetBy, ...] = ("none", "served", "power cycle", "key cycle", "frame", "diagnostic")
SCOPES: tuple[Scope, ...] = ("test", "module", "run")
_CYCLIC = ("process", "kernel")
MOST_STANDARD, MOST_EXTENDED = 0x7FF, 0x1FFF_FFFF


@dataclass(frozen=True, slots=True)
class ResetSpec:
    """How the device under test is brought to its beginning, how often, and by when it has to be back.

    by: ``served`` asks the served vehicle for a factory-new one; ``power cycle`` switches ``instrument`` (a supply, or
    ``relay.contact``) off for ``off_ns`` and on again; ``key cycle`` sets ``signal`` to ``off``, waits, and to ``on``;
    ``frame`` sends one frame; ``diagnostic`` asks for ECUReset, hard reset (ISO 14229-1, 10.3) in a single frame;
    ``none``: the device is taken as it is. scope: before every test, before the first test of each file, or once per
    run.
    within_ns: by then every real node has to be heard again; else the test is blocked.
    """

    by: ResetBy = "none"
    scope: Scope = "test"
    within_ns: int = 2_000_000_000
    off_ns: int = 500_000_000
    instrument: str = ""
    signal: str = ""
    off: str = "Off"
    on: str = "On"
    channel: str = ""
    id: int = 0
    extended: bool = False
    data: bytes = b""
    answer_id: int = 0


def adapter_of(name: str, table: Table, bitrate: int, data_bitrate: int | None) -> AdapterSpec:
    """The adapter behind a channel with ``port = "can"``. Raises :class:`~harness.errors.BenchFileError`.

    A ``channel`` that begins with ``./`` or ``../`` is a path beside the bench file; ``$NAME`` stands for a variable
    of the environment.
    """
    interface = table.take("interface", str, required=True)
    where = expanded(table, "channel", str(table.take("channel", (str, int), required=True)))
    options = table.take("options", dict, {})
    cyclic = cast(Literal["process", "kernel"], table.choice("cyclic", _CYCLIC, "process"))
    reconnect = table.take("reconnect", bool, False)
    return AdapterSpec(name, interface, where, bitrate, data_bitrate, options, cyclic, reconnect=reconnect)


def refuse_twins(top: Table, adapters: Iterable[AdapterSpec]) -> None:
    """Raise :class:`~harness.errors.BenchFileError` where two channels have one adapter."""
    seen: dict[tuple[str, str, str], str] = {}
    for spec in adapters:
        key = spec.interface, spec.where, repr(sorted(spec.options.items()))
        if key in seen:
            raise top.error(
                f"channels.{spec.channel}.channel: {spec.interface} {spec.where!r} is the adapter of channel "
                f"{seen[key]!r} already"
            )
        seen[key] = spec.channel


def expanded(table: Table, key: str, text: str) -> str:
    """A value with its environment variables filled in, a relative path as one beside the bench file."""
    found = os.path.expandvars(text)
    if "$" in found:
        raise table.error(f"{table.where}.{key} = {text!r} names a variable that the environment does not have")
    return os.path.normpath(table.path.parent / found) if found.startswith(("./", "../")) else found


def reset_of(table: Table, *, served: bool) -> ResetSpec:
    """The table ``[reset]``; without it a served vehicle is renewed for every test, and any other left as it is."""
    default: ResetBy = "served" if served else "none"
    by = cast(ResetBy, table.choice("by", RESETS, default))
    if by == "served" and not served:
        raise table.error("reset.by = 'served' needs a table [served]")
    needs: dict[str, tuple[str, ...]] = {
        "power cycle": ("instrument",),
        "key cycle": ("signal",),
        "frame": ("channel", "id", "data"),
        "diagnostic": ("channel", "id", "answer_id"),
    }
    wanted = needs.get(by, ())
    spec = ResetSpec(
        by=by,
        scope=cast(Scope, table.choice("scope", SCOPES, "test")),
        within_ns=table.duration("within", 2_000_000_000) or 0,
        off_ns=table.duration("off_for", 500_000_000) or 0,
        instrument=table.take("instrument", str, "", required="instrument" in wanted),
        signal=table.take("signal", str, "", required="signal" in wanted),
        off=str(table.take("off", (str, int, float), "Off")),
        on=str(table.take("on", (str, int, float), "On")),
        channel=table.take("channel", str, "", required="channel" in wanted),
        id=table.take("id", int, 0, required="id" in wanted),
        extended=table.take("extended", bool, False),
        data=_bytes(table, table.take("data", str, "", required="data" in wanted)),
        answer_id=table.take("answer_id", int, 0, required="answer_id" in wanted),
    )
    table.done()
    most = MOST_EXTENDED if spec.extended else MOST_STANDARD
    for key, identifier in (("id", spec.id), ("answer_id", spec.answer_id)):
        if not 0 <= identifier <= most:
            longer = "" if spec.extended else "; one of 29 bits needs extended = true"
            raise table.error(f"{table.where}.{key} must lie between 0 and {most:#x}, not {identifier:#x}{longer}")
    return spec


def _bytes(table: Table, text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise table.error(f"{table.where}.data must be bytes in hex such as '02 11 01', not {text!r}") from None


def is_live(bench: Path) -> bool:
    """Whether a bench file names real channels; False for one that cannot be read, which will be told elsewhere."""
    try:
        channels = tomllib.loads(bench.read_text(encoding="utf-8")).get("channels", {})
    except (OSError, ValueError):
        return False
    return any(isinstance(each, dict) and each.get("port") == "can" for each in channels.values())
