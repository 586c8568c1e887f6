"""Tracebacks for the reader of a test: its own lines and its models', not those of the harness in between."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from harness.errors import HarnessError

_PACKAGE = str(Path(__file__).resolve().parents[1])


def hide_harness(error: BaseException) -> None:
    """Take the harness's own frames out of the tracebacks of one of its errors and of what caused it.

    Any other error is left alone: what nobody foresaw has to be looked into. Where every frame is the harness's, the
    last one stays.
    """
    if not isinstance(error, HarnessError):
        return
    seen: set[int] = set()
    chained: BaseException | None = error
    while chained is not None and id(chained) not in seen:
        seen.add(id(chained))
        chained.__traceback__ = _pruned(chained.__traceback__)
        chained = chained.__cause__ or (None if chained.__suppress_context__ else chained.__context__)


def _pruned(trace: TracebackType | None) -> TracebackType | None:
    entries = []
    while trace is not None:
        entries.append(trace)
        trace = trace.tb_next
    kept = [each for each in entries if not each.tb_frame.f_code.co_filename.startswith(_PACKAGE)] or entries[-1:]
    linked: TracebackType | None = None
    for each in reversed(kept):
        linked = TracebackType(linked, each.tb_frame, each.tb_lasti, each.tb_lineno)
    return linked
