"""What is done with recordings: check them, decode them, compare two of them.

What a user needs is importable from here, and loaded only when it is used: recordings need numpy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from harness.errors import MissingExtra

if TYPE_CHECKING:
    from harness.offline.diff import assert_same, compare
    from harness.offline.recordings import load_signals
    from harness.offline.tolerance import Tolerance

_HOME_OF = {
    "Tolerance": "harness.offline.tolerance",
    "assert_same": "harness.offline.diff",
    "compare": "harness.offline.diff",
    "load_signals": "harness.offline.recordings",
}

__all__ = ["Tolerance", "assert_same", "compare", "load_signals"]


def __getattr__(name: str) -> object:
    try:
        home = _HOME_OF[name]
    except KeyError:
        raise AttributeError(f"module 'harness.offline' has no attribute {name!r}") from None
    try:
        return getattr(import_module(home), name)
    except ModuleNotFoundError as error:
        if error.name != "numpy":
            raise
        raise MissingExtra("working with recordings", "logs") from error
