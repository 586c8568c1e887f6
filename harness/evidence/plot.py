"""Plots as SVG: one lane per signal over a common time axis, the violated window shaded through all of them.

One file for every place: a static picture inside every report, sharp in print, readable on light and dark pages; and
with a cursor, values and zoom where it is opened by itself, since browsers run scripts only there. Its size does not
depend on the number of samples (:mod:`harness.evidence.decimation`).

>>> lamp = Lane("BrakeLamp", ((0, 0.0), (60_000_000, 1.0)), labels={0: "Off", 1: "On"})
>>> picture = render(Plot("expect BrakeLamp == On within 50 ms", (lamp,), 0, 80_000_000, window=(0, 50_000_000)))
>>> picture.startswith("<svg") and len(picture) < 10_000
True
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from harness.evidence.decimation import Point, decimate
from harness.units import time_text

LANES = 8
"""Signals in one plot at most."""
MARKS, LABELS = 40, 14
"""Events in one plot at most, and how many of them have a label: the latest ones."""

_WIDTH, _LEFT, _RIGHT = 860, 92, 14
_PLOT = _WIDTH - _LEFT - _RIGHT
_NUMBERS, _LABELS = 92, 26
"""Height of a lane with numbers, and of each label of an enumeration, pixels."""
_HEAD, _ROW, _NAME, _GAP = 46, 15, 18, 8
_PATH_BYTES = 38_000
"""Of all curves together: what keeps a file below 60 kB."""
_LETTER, _BOLD_LETTER = 6.1, 8.6
"""Width of a letter in the widest of usual fonts, small and in the title, pixels."""


@dataclass(frozen=True, slots=True)
class Lane:
    """One signal of a plot.

    points: time in ns and value, in the order of time; the value holds to the next point, NaN means no data. limits:
    values that are drawn as dashed lines. labels: of an enumeration, value to text; empty for numbers. step: distance
    of two values that the signal can carry, 0 for unknown.
    """

    name: str
    points: Sequence[Point]
    unit: str = ""
    limits: tuple[float, ...] = ()
    labels: Mapping[int, str] | None = None
    step: float = 0.0


@dataclass(frozen=True, slots=True)
class Mark:
    """An event in a plot: a dotted line through all lanes, its text above. time: ns."""

    time: int
    text: str


@dataclass(frozen=True, slots=True)
class Plot:
    """What a plot shows.

    title: what was judged, in a line. lanes: at most :data:`LANES`, further ones are left out. start, end: ns.
    window: the interval that was judged or violated, ns, shaded; None: none. passed: how it went, which gives title
    and window their colour; None: nothing was judged, or it cannot be told. subtitle: a second line.
    """

    title: str
    lanes: Sequence[Lane]
    start: int
    end: int
    window: tuple[int, int] | None = None
    marks: Sequence[Mark] = ()
    passed: bool | None = False
    subtitle: str = ""


@dataclass(frozen=True, slots=True)
class _Scale:
    """A lane's vertical scale: ``low`` is drawn at ``bottom``, one unit higher is ``scale`` pixels further up."""

    low: float
    scale: float
    top: float
    bottom: float
    labels: tuple[str, ...] | None = None
    index: Mapping[float, int] | None = None

    def y(self, value: float) -> float:
        number = value if self.index is None else self.index.get(value, math.nan)
        return self.bottom - (number - self.low) * self.scale


def render(plot: Plot) -> str:
    """The plot as an SVG document with its own background, at most about 60 kB."""
    end = max(plot.end, plot.start + 1)
    lanes = plot.lanes[:LANES]
    rows, above = _label_rows(plot, end)
    top = _HEAD + rows * _ROW + 12
    columns = max(40, min(_PLOT, _PATH_BYTES // (30 * max(1, len(lanes)))))
    parts: list[str] = []
    under: list[str] = []
    inner: list[str] = []
    facts = []
    y = float(top)
    for number, lane in enumerate(lanes):
        points = decimate(lane.points, plot.start, end, columns)
        scale = _scale_of(lane, points, y + _NAME)
        under.append(
            f'<rect class="b" y="{y + _NAME:.0f}" width="{_PLOT}" height="{scale.bottom - scale.top + 8:.0f}"/>'
        )
        inner += _limit_lines(lane, scale)
        inner.append(_curve(number, points, scale, plot.start, end))
        parts += _lane_texts(number, lane, points, scale, y)
        facts.append(
            {
                "low": scale.low, "scale": scale.scale, "bottom": scale.bottom, "step": lane.step, "unit": lane.unit,
                "labels": scale.labels,
            }
        )  # fmt: skip
        y = scale.bottom + 8 + _GAP
    meta = {
        "left": _LEFT, "width": _PLOT, "start": plot.start, "end": end, "lanes": facts,
        "reference": plot.window[0] if plot.window else None,
    }  # fmt: skip
    height = y + 30
    under += _window(plot, end, top, y)
    over = [_mark_line(mark, plot, end, top, y) for mark in _shown(plot, end)[-MARKS:]]
    return "".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height:.0f}" width="{_WIDTH}" '
            f'height="{height:.0f}" role="img">',
            f"<title>{escape(_clean(plot.title))}</title><metadata>{escape(json.dumps(meta))}</metadata>",
            f"<style>{_resource('plot.css')}</style>",
            f'<rect class="p" width="{_WIDTH}" height="{height:.0f}" rx="6"/>',
            *_headings(plot),
            f'<svg id="plot" x="{_LEFT}" width="{_PLOT}" height="{y:.0f}" viewBox="0 0 {_PLOT} {y:.0f}" '
            'preserveAspectRatio="none">',
            *under, *inner, *over, "</svg>",
            *above, *parts, *_axis(plot.start, end, y),
            f'<line id="cursor" class="x" y1="{top}" y2="{y:.0f}"/>',
            f'<text id="hint" class="s" x="{_LEFT}" y="{y + 25:.0f}">open in a new tab: cursor, values, zoom</text>',
            f"<script><![CDATA[{_resource('plot.js')}]]></script></svg>\n",
        ]
    )  # fmt: skip


def _resource(name: str) -> str:
    text = Path(__file__).with_name(name).read_text(encoding="utf-8")
    return "\n".join(line.strip() for line in text.splitlines() if not line.startswith("//"))


def _clean(text: str) -> str:
    """Text without the characters that XML does not allow."""
    return "".join(letter if letter >= " " and not "\ud800" <= letter <= "\udfff" else " " for letter in text)


def _text(x: float, y: float, kind: str, text: str, extra: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}"{extra}>{escape(_clean(text))}</text>'


def _shortened(text: str, letters: int) -> str:
    return text if len(text) <= letters else f"{text[: max(1, letters - 1)].rstrip()}…"


def _x(time: int, start: int, end: int) -> float:
    return (time - start) / (end - start) * _PLOT


def _headings(plot: Plot) -> Iterator[str]:
    kind = {True: "t g", False: "t f", None: "t"}[plot.passed]
    yield _text(12, 20, kind, _shortened(plot.title, int((_WIDTH - 24) / _BOLD_LETTER)))
    yield _text(12, 37, "s", _shortened(plot.subtitle, int((_WIDTH - 24) / _LETTER)))


# -- lanes -------------------------------------------------------------------------------------------------------------


def _scale_of(lane: Lane, points: Sequence[Point], top: float) -> _Scale:
    if lane.labels:
        shown = sorted({value for _, value in points if value == value} | set(lane.limits)) or [0.0]
        texts = tuple(lane.labels.get(int(value), f"{value:g}") for value in shown)
        height = _LABELS * max(1, len(shown) - 1)
        index = {value: number for number, value in enumerate(shown)}
        return _Scale(0.0, height / max(1, len(shown) - 1), top + 8, top + 8 + height, texts, index)
    numbers = [value for _, value in points if math.isfinite(value)] + list(lane.limits)
    low, high = min(numbers, default=0.0), max(numbers, default=1.0)
    if high - low < max(abs(low), abs(high), 1e-300) * 1e-12:
        room = max(abs(high) * 0.1, lane.step or 0.0, 1e-300) if high else 1.0
        low, high = low - room, high + room
    low, high = low - (high - low) * 0.04, high + (high - low) * 0.04
    return _Scale(low, (_NUMBERS - _NAME) / (high - low), top + 4, top + 4 + _NUMBERS - _NAME)


def _limit_lines(lane: Lane, scale: _Scale) -> Iterator[str]:
    kind = "l i" if lane.labels else "l"  # a label is no limit: wanted or forbidden, it is what was compared with
    for limit in lane.limits:
        yield f'<path class="{kind}" d="M0 {scale.y(limit):.1f}H{_PLOT}"/>'


def _curve(number: int, points: Sequence[Point], scale: _Scale, start: int, end: int) -> str:
    """Sample and hold: right to the next sample, then up or down."""
    digits = 2 if len(points) < 400 else 1
    words: list[str] = []
    holding = False
    for time, value in points:
        x = _number(_x(time, start, end), digits)
        y = scale.y(value)
        if not math.isfinite(y):
            words += [f"H{x}"] if holding else []
            holding = False
        elif holding:
            words.append(f"H{x}V{_number(y, digits)}")
        else:
            words.append(f"M{x} {_number(y, digits)}")
            holding = True
    if holding:
        words.append(f"H{_PLOT}")
    return f'<path class="c" data-lane="{number}" d="{"".join(words) or "M0 0"}"/>'


def _number(value: float, digits: int) -> str:
    text = f"{value:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _lane_texts(number: int, lane: Lane, points: Sequence[Point], scale: _Scale, y: float) -> Iterator[str]:
    unit = f" [{lane.unit}]" if lane.unit else ""
    limits = "" if lane.labels else ", ".join(f"{limit:.6g}" for limit in lane.limits)
    yield _text(_LEFT, y + 13, "n", f"{lane.name}{unit}")
    if limits:
        yield _text(_LEFT + (len(lane.name + unit) + 3) * 7.0, y + 13, "s f", f"limit {limits}")
    yield _text(_WIDTH - _RIGHT, y + 13, "n e", "", f' id="v{number}"')
    if not any(value == value for _, value in points):
        yield _text(_LEFT + _PLOT / 2, (scale.top + scale.bottom) / 2 + 4, "s m", "no data in this span")
    elif scale.labels is not None:
        for index, label in enumerate(scale.labels):
            yield _text(_LEFT - 8, scale.bottom - index * scale.scale + 4, "s e", _shortened(label, 14))
    else:
        high = scale.low + (scale.bottom - scale.top) / scale.scale
        for tick in nice_ticks(scale.low, high):
            yield _text(_LEFT - 8, scale.y(tick) + 4, "s e", f"{tick:.6g}")


def nice_ticks(low: float, high: float, count: int = 4) -> list[float]:
    """At most ``count`` round numbers within ``low`` to ``high``, evenly spaced by 1, 2 or 5 times a power of ten.

    >>> nice_ticks(-3, 103), nice_ticks(0.95, 1.05)
    ([0.0, 50.0, 100.0], [0.95, 1.0, 1.05])
    """
    span = high - low
    power = 10.0 ** math.floor(math.log10(span / count))
    for factor in (1, 2, 5, 10, 20):
        step = power * factor
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last - first < count:
            return [float(f"{number * step:.12g}") for number in range(first, last + 1)]
    return [low, high]


# -- through all lanes -------------------------------------------------------------------------------------------------

_WINDOW = {True: ("o", "judged", "s g"), False: ("w", "violated", "s f"), None: ("u", "not told", "s")}
"""How a window is filled, called and labelled, by how it went."""


def _window(plot: Plot, end: int, top: float, bottom: float) -> Iterator[str]:
    if plot.window is None:
        return
    left, right = (min(_PLOT, max(0.0, _x(time, plot.start, end))) for time in plot.window)
    width = max(2.0, right - left)
    kind = _WINDOW[plot.passed][0]
    yield f'<rect class="{kind}" x="{left:.2f}" y="{top - 4:.0f}" width="{width:.2f}" height="{bottom - top:.0f}"/>'
    if plot.passed is False:
        yield f'<path class="k" d="M{left:.2f} {top - 4:.0f}V{bottom - 4:.0f}"/>'


def _shown(plot: Plot, end: int) -> list[Mark]:
    return sorted((mark for mark in plot.marks if plot.start <= mark.time <= end), key=lambda mark: mark.time)


def _mark_line(mark: Mark, plot: Plot, end: int, top: float, bottom: float) -> str:
    text = escape(_clean(_shortened(mark.text, 80)))
    x = _x(mark.time, plot.start, end)
    return f'<path class="v" d="M{x:.2f} {top - 6:.0f}V{bottom - 4:.0f}"><title>{text}</title></path>'


def _label_rows(plot: Plot, end: int) -> tuple[int, list[str]]:
    """The labels of the events in as few rows as they need, so that none covers another; and how many rows."""
    wanted = [(mark.time, mark.text, "s") for mark in _shown(plot, end)[-LABELS:]]
    if plot.window is not None:
        length = plot.window[1] - plot.window[0]
        _, word, kind = _WINDOW[plot.passed]
        shown = f"{word} {time_text(length) if length else 'here'}"
        wanted.append((max(plot.start, plot.window[0]), shown, kind))
    taken: list[float] = []
    found = []
    for time, text, kind in sorted(wanted, key=lambda each: each[0]):
        x = _x(time, plot.start, end)
        text = _shortened(text, 44)
        size = len(text) * _LETTER
        left = min(x, _PLOT - size)
        row = next((row for row, used in enumerate(taken) if used + 8 <= left), len(taken))
        taken[row : row + 1] = [left + size]
        found.append((x, left, row, text, kind))
    rows = len(taken)
    return rows, [
        _text(_LEFT + left, _HEAD + 12 + (rows - 1 - row) * _ROW, kind, text, f' data-x="{x:.2f}"')
        for x, left, row, text, kind in found
    ]


def _axis(start: int, end: int, y: float) -> Iterator[str]:
    yield f'<path class="q" d="M{_LEFT} {y - 4:.0f}H{_WIDTH - _RIGHT}"/>'
    for tick in nice_ticks(start / 1e9, end / 1e9, count=8):
        x = _x(round(tick * 1e9), start, end)
        side = "" if x < 20 else " e" if x > _PLOT - 20 else " m"
        yield f'<path class="q" d="M{_LEFT + x:.1f} {y - 4:.0f}v4"/>'
        yield _text(_LEFT + x, y + 10, f"s{side}", f"{tick:.10g} s", f' data-tick="{x:.2f}"')
