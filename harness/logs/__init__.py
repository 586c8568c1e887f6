"""Recordings: written while a test runs, read back frame by frame or as columns, decoded column by column.

What a user needs is importable from here, and loaded only when it is used: reading and decoding need numpy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from harness.errors import MissingExtra

if TYPE_CHECKING:
    from harness.logs.decode import Decoder, decode_log
    from harness.logs.reading import open_log
    from harness.logs.signals import Signals, read_signals

_HOME_OF = {
    "Decoder": "harness.logs.decode",
    "Signals": "harness.logs.signals",
    "decode_log": "harness.logs.decode",
    "open_log": "harness.logs.reading",
    "read_signals": "harness.logs.signals",
}

__all__ = ["Decoder", "Signals", "decode_log", "open_log", "read_signals"]


def __getattr__(name: str) -> object:
    try:
        home = _HOME_OF[name]
    except KeyError:
        raise AttributeError(f"module 'harness.logs' has no attribute {name!r}") from None
    try:
        return getattr(import_module(home), name)
    except ModuleNotFoundError as error:
        if error.name != "numpy":
            raise
        raise MissingExtra("reading recordings", "logs") from error
