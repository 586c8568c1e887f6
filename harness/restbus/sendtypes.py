"""Send types: when a message goes out by itself, as databases and bench files name it.

The names follow Vector's attributes ``GenMsgSendType`` and ``GenSigSendType``; upper and lower case, spaces and
hyphens do not matter.
"""

from __future__ import annotations

from enum import IntFlag

from harness.errors import ConfigError, nearest


class SendType(IntFlag):
    """What makes a message go out; several hold together.

    CYCLIC: every cycle time. ON_CHANGE: a signal got another value. ON_WRITE: a signal was set, to whatever value.
    IF_ACTIVE: cyclic, with the fast cycle time, while a signal differs from its inactive value.
    REPEATED: after each change or write the frame is repeated with the fast cycle time.
    ON_REQUEST: none of these.
    """

    ON_REQUEST = 0
    CYCLIC = 1
    ON_CHANGE = 2
    ON_WRITE = 4
    IF_ACTIVE = 8
    REPEATED = 16


_CHANGE = ("OnChange", "Spontaneous", "Spontan", "Event", "OnEvent", "Sporadic", "TriggeredOnChange")
_WRITE = ("OnWrite", "Triggered")
_ACTIVE = ("IfActive", "CyclicIfActive")

_NAMES: dict[str, SendType] = {
    "Cyclic": SendType.CYCLIC,
    "Periodic": SendType.CYCLIC,
    "CyclicEvent": SendType.CYCLIC | SendType.ON_CHANGE,
    "CyclicAndIfActive": SendType.CYCLIC | SendType.IF_ACTIVE,
    "OnRequest": SendType.ON_REQUEST,
    **dict.fromkeys(_CHANGE, SendType.ON_CHANGE),
    **dict.fromkeys(_WRITE, SendType.ON_WRITE),
    **dict.fromkeys(_ACTIVE, SendType.IF_ACTIVE),
    **{f"CyclicAnd{name}": SendType.CYCLIC | SendType.ON_CHANGE for name in _CHANGE},
    **{f"CyclicAnd{name}": SendType.CYCLIC | SendType.ON_WRITE for name in _WRITE},
    **{f"{name}AndIfActive": SendType.ON_CHANGE | SendType.IF_ACTIVE for name in _CHANGE},
    **{f"{active}And{name}": SendType.ON_CHANGE | SendType.IF_ACTIVE for active in _ACTIVE for name in _CHANGE},
}
# "With delay" only says that GenMsgDelayTime counts, which it does for every send type.
_EVENTS = {name: kind for name, kind in _NAMES.items() if kind & ~SendType.CYCLIC}
_NAMES |= {f"{name}WithDelay": kind for name, kind in _EVENTS.items()}
_NAMES |= {f"{name}WithRepetition": kind | SendType.REPEATED for name, kind in _EVENTS.items()}

_UNSPECIFIED = ("", "NoMsgSendType", "NoSigSendType", "None", "NotUsed", "Reserved", "vector_leerstring")


def _folded(name: str) -> str:
    return "".join(character for character in name.casefold() if character.isalnum())


_KNOWN = {_folded(name): kind for name, kind in _NAMES.items()}
_NOTHING_SAID = frozenset(map(_folded, _UNSPECIFIED))


def parse_send_type(name: str) -> SendType | None:
    """The send type behind a name; None where the name says nothing (``""``, ``NoMsgSendType``, ``NotUsed`` ...).

    ``Spontaneous`` and ``Event`` are taken as on change: a model that sets its signals in every step does not flood
    the bus with them; ``OnWrite`` and ``Triggered`` send whatever the value.
    Raises :class:`~harness.errors.ConfigError` for an unknown name, with the nearest.

    >>> parse_send_type("cyclicAndOnChange") == SendType.CYCLIC | SendType.ON_CHANGE
    True
    >>> parse_send_type("noMsgSendType") is None
    True
    >>> parse_send_type("cyclik")
    Traceback (most recent call last):
    harness.errors.ConfigError: unknown send type 'cyclik'; did you mean 'Cyclic'?
    """
    folded = _folded(name)
    if folded in _NOTHING_SAID:
        return None
    try:
        return _KNOWN[folded]
    except KeyError:
        hint = nearest(name, _NAMES, 1) or f"; known are for instance {', '.join(list(_NAMES)[:8])}"
        raise ConfigError(f"unknown send type {name!r}{hint}") from None
