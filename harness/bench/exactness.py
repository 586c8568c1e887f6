"""Keeps, beside a recording, how exactly it is measured, while it is being written."""

from __future__ import annotations

from pathlib import Path

from harness.bench.accounting import Accounting
from harness.errors import LogError
from harness.logs.exactness import Exactness, Late, beside, lines_of, text_of


class ExactnessFile:
    """The file beside one recording; see :mod:`harness.logs.exactness`.

    since: from when on (ns) lateness matters to it. It is written line by line, so a run that is killed leaves what was
    known at the last :meth:`update`. Both raise :class:`~harness.errors.LogError` when it cannot be written.
    """

    def __init__(self, recording: Path, accounting: Accounting, since: int) -> None:
        self.path = beside(recording)
        self._accounting = accounting
        # By source: the span that was written last, and the lateness that it had then.
        self._written = [(max(0, late.index(since)), -1) for _, late in accounting.sources()]
        head = Exactness(accounting.stamps, tuple(accounting.served), tuple(sorted(accounting.own)))
        self._write("w", text_of(head))

    def update(self) -> None:
        """Add what has become known since the last time."""
        found = []
        for number, (kind, late) in enumerate(self._accounting.sources()):
            first, worst = self._written[number]
            spans = late.spans[first:]
            if not spans:
                continue
            fresh = spans if spans[0].late_ns != worst else spans[1:]
            found += [Late(kind, late.name, span.start, span.late_ns) for span in fresh]
            self._written[number] = (first + len(spans) - 1, spans[-1].late_ns)
        if found:
            self._write("a", lines_of(found))

    def _write(self, mode: str, text: str) -> None:
        try:
            with self.path.open(mode, encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise LogError(f"{self.path} cannot be written: {error.strerror or error}") from error
