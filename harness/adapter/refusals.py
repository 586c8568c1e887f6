"""What an exception of python-can, of a vendor's library or of the operating system means for a channel."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from enum import Enum

from can import CanTimeoutError


class Meaning(Enum):
    """What an exception says."""

    FULL = "the send buffer is full"
    LOST = "the adapter is gone"
    OVERRUN = "received frames were lost"
    PASSIVE = "error passive"
    BUS_OFF = "bus-off"
    WARNING = "an error counter is high"
    UNKNOWN = "something else"


_FULL = {errno.ENOBUFS, errno.EAGAIN, errno.EWOULDBLOCK, errno.ENOMEM}
_REFUSED = {errno.EINVAL, errno.EMSGSIZE, errno.EPERM, errno.EACCES}  # the adapter is there, and says no

_WORDS = (
    (Meaning.BUS_OFF, r"bus[- _]?off"),
    (Meaning.PASSIVE, r"error[- _]passive|bus ?passive|bus ?heavy"),
    (Meaning.WARNING, r"warning limit|bus ?light|error limit"),
    (Meaning.OVERRUN, r"overrun|read too late|(rx|receive)\w* (queue|buffer|fifo)\S* (is )?(full|overfl)"),
    (
        Meaning.FULL,
        r"(tx|transmit|send|xmt)\w* ?(queue|buffer|fifo)[^.;]*(full|overfl)|(queue|buffer)(_is_| is | )full"
        r"|no room|message to one or more recipients",
    ),
    (
        Meaning.LOST,
        r"no such device|disconnected|unplugged|not present|hw_not_present|hardware was removed|device (was )?removed"
        r"|invalid handle|handle is invalid|closed port|port is not open|connection (was )?(reset|closed|lost)",
    ),
)
"""Words of PCAN-Basic, CANlib, XL, VCI, python-can and others, the more telling ones first."""


def meaning_of(error: BaseException) -> Meaning:
    """Judge an exception by the system's error number, else by its words, its causes included.

    >>> meaning_of(OSError(errno.ENOBUFS, "No buffer space available")).name
    'FULL'
    >>> meaning_of(RuntimeError("The receive queue was read too late")).name
    'OVERRUN'
    """
    chain = list(_chain(error))
    if any(isinstance(each, CanTimeoutError) for each in chain):
        return Meaning.FULL
    if any(isinstance(each, OSError) and each.errno in _FULL for each in chain):
        return Meaning.FULL
    words = " | ".join(str(each) for each in chain).lower()
    for meaning, pattern in _WORDS:
        if re.search(pattern, words):
            return meaning
    broken = any(isinstance(each, OSError) and each.errno not in _REFUSED for each in chain)
    return Meaning.LOST if broken else Meaning.UNKNOWN


def text_of(error: BaseException) -> str:
    """An exception and its causes in one line, each thing said once."""
    said: list[str] = []
    for each in _chain(error):
        text = f"{type(each).__name__}: {each}" if str(each) else type(each).__name__
        if not any(str(each) and str(each) in earlier for earlier in said):
            said.append(text)
    return "; because of ".join(said)


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    each: BaseException | None = error
    while each is not None and id(each) not in seen:
        seen.add(id(each))
        yield each
        each = each.__cause__ or (None if each.__suppress_context__ else each.__context__)
