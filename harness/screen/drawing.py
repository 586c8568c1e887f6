"""A snapshot drawn for a terminal, by ``rich``: exactly as many lines as there are rows, none too long."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from harness.bus.port import ErrorState
from harness.frames import id_text
from harness.screen.columns import GAP, Column, columns
from harness.screen.controls import HELP, Controls
from harness.screen.snapshot import ChannelRow, MessageRow, SignalRow, Snapshot
from harness.screen.texts import cycle_text, rate_text, remarks, span_text

FRESH_NS = 700_000_000
"""For so long a value that has changed is bold, ns."""
LEAST_HEIGHT = 16
"""Rows below which the selected message is not shown in detail."""

_BAR = 10
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_HIGH_LOAD = 0.7  # above that, low priorities have to wait noticeably


class Drawing:
    """Draws one snapshot after the other; remembers of the last ones which values have changed lately."""

    def __init__(self) -> None:
        self._shown: dict[tuple[str, int, str], tuple[str, int]] = {}

    def lines(self, shot: Snapshot, controls: Controls, width: int, height: int) -> list[Text]:
        """The whole screen. Keeps the selection of ``controls`` in sight."""
        self._compare(shot)
        longest = max((len(row.name) for row in shot.channels), default=0)
        head = [_title(shot, controls), *(line for row in shot.channels for line in _channel(row, longest, width))]
        foot = [_foot(shot, controls)]
        room = max(1, height - len(head) - len(foot) - 1)
        detail: list[Text] = []
        if controls.details and height >= LEAST_HEIGHT and shot.messages:
            controls.fit(len(shot.messages), room)
            detail = self._detail(shot, shot.messages[controls.selected], width, most=max(3, room // 3))
        room = max(1, room - len(detail))
        controls.fit(len(shot.messages), room)
        chosen, left = columns(shot, width)
        rows = [
            self._row(shot, row, chosen, left, selected=number == controls.selected)
            for number, row in enumerate(shot.messages[controls.top : controls.top + room], controls.top)
        ]
        if not rows:
            rows = [Text(f" {_nothing(shot)}", "dim")]
        empty = [Text("")] * max(0, room - len(rows))
        picture = [*head, _titles(chosen, left), *rows, *empty, *detail, *foot]
        for line in picture:
            line.truncate(width, overflow="ellipsis", pad=line.style == "reverse")
        return picture[: height - 1] + picture[-1:] if len(picture) > height else picture

    # -- what has changed ------------------------------------------------------------------------------------------

    def _compare(self, shot: Snapshot) -> None:
        for row in shot.messages:
            for signal in row.signals:
                key = row.channel, row.key, signal.name
                before = self._shown.get(key)
                if before is None:
                    self._shown[key] = signal.shown, -FRESH_NS
                elif before[0] != signal.shown:
                    self._shown[key] = signal.shown, shot.span_ns

    def _style(self, shot: Snapshot, row: MessageRow, signal: SignalRow) -> str:
        changed = self._shown[row.channel, row.key, signal.name][1]
        return "bold bright_white" if shot.span_ns - changed < FRESH_NS and not signal.protective else ""

    # -- rows --------------------------------------------------------------------------------------------------------

    def _row(self, shot: Snapshot, row: MessageRow, chosen: list[Column], left: int, *, selected: bool) -> Text:
        line = Text(no_wrap=True)
        for column in chosen:
            text, style = column.cell(row)
            line.append(_fitted(text, column), style)
            line.append(" " * GAP)
        if left:
            if row.problem:
                line.append(f"{row.problem}  ", "red")
            for signal in row.signals:
                if not signal.protective:
                    line.append(f"{signal.name} ", "dim")
                    line.append(f"{signal.shown}  ", self._style(shot, row, signal))
        if row.stale or not row.count:
            line.stylize("dim")
        if selected:
            line.style = "reverse"
        return line

    def _detail(self, shot: Snapshot, row: MessageRow, width: int, most: int) -> list[Text]:
        """The selected message in full, in at most ``most`` lines."""
        parts = [
            row.name,
            id_text(row.key),
            row.channel,
            f"from {row.sender}" if row.sender else "",
            f"every {cycle_text(row.cycle_ns)}" if row.cycle_ns is not None else "",
            f"{len(row.data)} bytes {row.data.hex(' ').upper()}" if row.count else "never seen",
            f"{row.pauses} pauses" if row.pauses else "",
        ]
        title = Text("── " + " · ".join(filter(None, parts)) + " ", "cyan", no_wrap=True)
        title.append("─" * max(0, width - title.cell_len))
        lines = [title]
        if row.problem:
            lines.append(Text(f" {row.problem}", "red"))
        lines += _side_by_side([self._signal(shot, row, signal) for signal in row.signals], width)
        if len(lines) > most:
            hidden = len(lines) - most + 1
            lines = [*lines[: most - 1], Text(f" … {hidden} more lines; filter by a signal's name", "dim")]
        return lines

    def _signal(self, shot: Snapshot, row: MessageRow, signal: SignalRow) -> Text:
        cell = Text(no_wrap=True)
        cell.append(f" {signal.name} ", "dim")
        cell.append(signal.shown, self._style(shot, row, signal))
        if signal.text:
            cell.append(f" ({signal.value:g})", "dim")
        return cell


def _side_by_side(cells: list[Text], width: int) -> Iterator[Text]:
    """Cells in as many columns as there is room for, filled from top to bottom."""
    widest = max((cell.cell_len for cell in cells), default=1) + GAP
    count = max(1, width // widest)
    height = -(-len(cells) // count)
    for number in range(height):
        line = Text(no_wrap=True)
        for cell in cells[number::height]:
            line.append_text(cell)
            line.append(" " * (widest - cell.cell_len))
        yield line


def _titles(chosen: list[Column], left: int) -> Text:
    line = Text(no_wrap=True, style="bold underline")
    for column in chosen:
        line.append(_fitted(column.title, column) + " " * GAP)
    if left:
        line.append("SIGNALS".ljust(left))
    return line


def _fitted(text: str, column: Column) -> str:
    if len(text) > column.width:
        return text[: column.width - 1] + "…"
    return text.rjust(column.width) if column.right else text.ljust(column.width)


def _title(shot: Snapshot, controls: Controls) -> Text:
    line = Text(no_wrap=True)
    line.append(f" {shot.bench} ", "bold reverse")
    line.append(f"  {span_text(shot.span_ns)}  {len(shot.messages)} messages, by {shot.wanted.sort}")
    if shot.wanted.text:
        line.append("  filter ", "")
        line.append(shot.wanted.text, "bold yellow")
        line.append(f" ({shot.hidden} hidden)", "dim")
    if controls.frozen:
        line.append("  ")
        line.append(" FROZEN ", "reverse yellow")
    return line


def _channel(row: ChannelRow, longest: int, width: int) -> Iterator[Text]:
    line = Text(no_wrap=True)
    line.append(f"{row.name:{longest}} ", "bold")
    style = "red" if row.load > _HIGH_LOAD else "green"
    line.append("▕")
    line.append(_bar(row.load), style)
    line.append("▏")
    line.append(f"{row.load:6.1%}", style)
    line.append(f"  peak {row.peak:.1%}  {row.frames_per_s}/s  {row.seen} of {row.known} messages  ")
    bad = remarks(row)
    if row.state is ErrorState.ACTIVE and not bad:
        line.append("ok  ", "green")
    rest = Text(no_wrap=True)
    for text, red in bad:
        rest.append(f"{text}  ", "bold red" if red else "yellow")
    tail = Text(f"{rate_text(row)}  {row.stamps} stamps  {row.adapter}", "dim", no_wrap=True)
    if line.cell_len + rest.cell_len <= width:
        yield line.append_text(rest).append_text(tail)
    else:
        yield line.append_text(tail)
        if rest:
            yield Text("  ").append_text(rest)


def _bar(share: float) -> str:
    eighths = round(max(0.0, min(1.0, share)) * _BAR * 8)
    full, part = divmod(eighths, 8)
    return ("█" * full + (_EIGHTHS[part] if part else "")).ljust(_BAR)


def _nothing(shot: Snapshot) -> str:
    if shot.wanted.text:
        return f"no message, signal, sender or channel that has come matches {shot.wanted.text!r}"
    return "nothing has come yet"


def _foot(shot: Snapshot, controls: Controls) -> Text:
    if controls.typing:
        line = Text(" filter: ", "bold", no_wrap=True)
        line.append(shot.wanted.text, "bold yellow")
        line.append("█", "blink")
        line.append("   enter: keep   esc: as before", "dim")
        return line
    return Text(f" {HELP}", "dim", no_wrap=True)
