"""A snapshot as plain text, for a pipe, a file, or a terminal without ``rich``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.frames import id_text
from harness.screen.snapshot import ChannelRow, MessageRow, Snapshot
from harness.screen.texts import age_text, cycle_text, protection_text, rate_text, remarks, span_text

_HEAD = ("CHANNEL", "ID", "MESSAGE", "SENDER", "CYCLE", "MEAN", "P99 JITTER", "COUNT", "AGE", "PROTECTION")
_RIGHT = frozenset({"CYCLE", "MEAN", "P99 JITTER", "COUNT", "AGE"})


def plain(shot: Snapshot) -> str:
    """All of a snapshot: a line per channel, a line per message, and its signals below it."""
    return "\n".join(lines(shot))


def lines(shot: Snapshot) -> Iterator[str]:
    """The same line by line."""
    yield f"bench {shot.bench}, {shot.span_ns / 1e9:.1f} s"
    for channel in shot.channels:
        yield _channel(channel)
    yield ""
    cells = [_HEAD, *(_cells(row) for row in shot.messages)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(_HEAD))]
    yield _line(_HEAD, widths)
    for row, texts in zip(shot.messages, cells[1:], strict=True):
        yield _line(texts, widths)
        width = max((len(signal.name) for signal in row.signals), default=0)
        for signal in row.signals:
            yield f"    {signal.name:{width}}  {signal.shown}"
        if row.problem:
            yield f"    ! {row.problem}"
    if shot.hidden:
        yield f"{shot.hidden} more messages do not match {shot.wanted.text!r}"


def _channel(row: ChannelRow) -> str:
    parts = [
        f"{row.name} {row.adapter}",
        f"{row.stamps} stamps",
        rate_text(row),
        f"load {row.load:.1%} (peak {row.peak:.1%})",
        f"{row.frames_per_s} frames/s",
        f"{row.count} frames",
        f"{row.seen} of {row.known} messages",
        *(text for text, _ in remarks(row)),
    ]
    return "; ".join(parts)


def _cells(row: MessageRow) -> tuple[str, ...]:
    return (
        row.channel,
        id_text(row.key),
        row.name,
        row.sender or "–",
        cycle_text(row.cycle_ns),
        span_text(row.mean_ns),
        span_text(row.jitter_ns),
        str(row.count),
        age_text(row) + (" stale" if row.stale else ""),
        protection_text(row) or "–",
    )


def _line(texts: Sequence[str], widths: Sequence[int]) -> str:
    cells = (
        text.rjust(width) if name in _RIGHT else text.ljust(width)
        for name, text, width in zip(_HEAD, texts, widths, strict=True)
    )
    return "  ".join(cells).rstrip()
