"""Plots: well-formed, small whatever they show, and nothing that matters decimated away."""

from __future__ import annotations

import json
import math
import random
import re
import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.evidence.decimation import changes, decimate
from harness.evidence.plot import LANES, Lane, Mark, Plot, nice_ticks, render

SVG = "{http://www.w3.org/2000/svg}"
SIZE = 60_000

times = st.integers(0, 10_000_000_000)
numbers = st.floats(-1e12, 1e12) | st.just(math.nan)
curves = st.lists(st.tuples(times, numbers), max_size=60).map(lambda points: sorted(points, key=lambda each: each[0]))
words = st.text(max_size=60)


@st.composite
def plots(draw: st.DrawFn) -> Plot:
    start = draw(times)
    end = start + draw(st.integers(0, 5_000_000_000))
    lanes = []
    for _ in range(draw(st.integers(1, LANES + 2))):
        labels = draw(st.none() | st.dictionaries(st.integers(-2, 9), words, max_size=4))
        curve = draw(curves)
        if labels:
            curve = [(time, float(int(value) % 9) if value == value else value) for time, value in curve]
        lanes.append(Lane(draw(words), curve, draw(words), tuple(draw(st.lists(st.floats(-9, 9), max_size=2))), labels))
    begin = draw(times)
    window = draw(st.none() | st.tuples(st.just(begin), st.integers(begin, begin + 10**9)))
    marks = [Mark(draw(times), draw(words)) for _ in range(draw(st.integers(0, 20)))]
    return Plot(draw(words), lanes, start, end, window, marks, draw(st.sampled_from([True, False, None])), draw(words))


@given(plots())
def test_every_plot_is_well_formed_and_small(plot: Plot) -> None:
    text = render(plot)
    root = ET.fromstring(text)
    assert len(text.encode()) <= SIZE
    assert len(root.findall(f".//{SVG}path[@data-lane]")) == min(LANES, len(plot.lanes))
    places = [each.attrib.get(name, "") for each in root.iter() for name in ("x", "y", "d", "width", "height")]
    assert not [each for each in places if "nan" in each or "inf" in each or "e" in each]


@pytest.mark.parametrize("lanes", [1, 3, LANES])
def test_the_size_does_not_grow_with_the_number_of_samples(lanes: int) -> None:
    generator = random.Random(0)
    noise = [(number * 100_000, generator.gauss(0, 1e6)) for number in range(100_000)]
    shown = [Lane(f"Pressure{number}", noise, "bar", (2e6,)) for number in range(lanes)]
    marks = [Mark(number * 300_000_000, "set AVeryLongSignalName = 40 %") for number in range(40)]
    text = render(Plot("a title " * 20, shown, 0, 10_000_000_000, (0, 10**9), marks, subtitle="long " * 50))
    assert len(text.encode()) <= SIZE


@given(curves, st.integers(1, 30), times, st.integers(1, 10_000_000_000))
def test_extremes_and_the_last_value_survive(
    points: list[tuple[int, float]], columns: int, start: int, length: int
) -> None:
    end = start + length
    whole, kept = changes(points, start, end), decimate(points, start, end, columns)
    assert len(kept) <= max(3 * columns + 2, 3)
    assert [time for time, _ in kept] == sorted(time for time, _ in kept)
    assert {str(point) for point in kept} <= {str(point) for point in whole}
    values = [value for _, value in whole if value == value]
    left = [value for _, value in kept if value == value]
    assert (min(values, default=None), max(values, default=None)) == (min(left, default=None), max(left, default=None))
    assert [str(value) for _, value in whole[-1:]] == [str(value) for _, value in kept[-1:]]


WAVE = [(number * 1_000, math.sin(number)) for number in range(5_000)]


@given(st.integers(0, len(WAVE) - 1), st.floats(10, 1e6))
def test_a_spike_of_one_sample_is_drawn(at: int, height: float) -> None:
    points = [*WAVE[:at], (at * 1_000, height), *WAVE[at + 1 :]]
    kept = decimate(points, 0, 5_000_000, 200)
    assert (at * 1_000, height) in kept
    assert len(kept) <= 602


def steps_of(text: str, lane: int = 0) -> list[tuple[str, ...]]:
    """What a curve's path does: M x y, H x, V y."""
    path = ET.fromstring(text).findall(f".//{SVG}path[@data-lane]")[lane].attrib["d"]
    return [tuple(each) for each in re.findall(r"([MHV])([-\d.]+)(?: ([-\d.]+))?", path)]


def test_a_curve_is_sample_and_hold_and_ends_where_there_is_no_data() -> None:
    lane = Lane("Speed", [(0, 0.0), (250, 10.0), (500, math.nan), (750, 5.0)])
    kinds = [each[0] for each in steps_of(render(Plot("t", [lane], 0, 1_000)))]
    assert kinds == ["M", "H", "V", "H", "M", "H"]
    xs = [float(each[1]) for each in steps_of(render(Plot("t", [lane], 0, 1_000))) if each[0] != "V"]
    width = xs[-1]
    assert xs == [0, width / 4, width / 2, width * 3 / 4, width]


def test_what_held_before_the_shown_span_is_shown_from_its_beginning() -> None:
    first = steps_of(render(Plot("t", [Lane("Speed", [(0, 3.0), (900, 4.0)])], 500, 1_000)))[0]
    assert first[:2] == ("M", "0")


def test_an_enumeration_has_a_level_per_label_and_the_wanted_one() -> None:
    lane = Lane("Gear", [(0, 0.0), (500, 3.0)], labels={0: "P", 1: "R", 2: "N", 3: "D"}, limits=(2.0,))
    text = render(Plot("t", [lane], 0, 1_000))
    shown = [each.text for each in ET.fromstring(text).iter(f"{SVG}text")]
    assert {"P", "N", "D"} <= set(shown) and "R" not in shown
    meta = json.loads(ET.fromstring(text).findtext(f"{SVG}metadata") or "")
    assert meta["lanes"][0]["labels"] == ["P", "N", "D"]


def test_window_limits_and_events() -> None:
    lane = Lane("Level", [(0, 5.0), (500, 50.0)], "%", limits=(42.0,))
    plot = Plot("stays", [lane], 0, 1_000, (500, 700), [Mark(200, "set <Pedal> = 50 %"), Mark(2_000, "too late")])
    root = ET.fromstring(render(plot))
    (window,) = root.findall(f".//{SVG}rect[@class='w']")
    assert float(window.attrib["x"]) / float(window.attrib["width"]) == pytest.approx(500 / 200)
    assert len(root.findall(f".//{SVG}path[@class='l']")) == 1
    texts = [each.text for each in root.iter(f"{SVG}text")]
    assert "set <Pedal> = 50 %" in texts and "violated 200 ns" in texts and "too late" not in texts
    assert len(root.findall(f".//{SVG}path[@class='v']")) == 1


def test_labels_of_events_do_not_cover_each_other() -> None:
    marks = [Mark(number, f"event number {number}") for number in range(0, 1_000, 100)]
    root = ET.fromstring(render(Plot("t", [Lane("A", [(0, 1.0)])], 0, 1_000, marks=marks)))
    boxes = [(each.attrib["y"], float(each.attrib["x"]), len(each.text or "")) for each in root.iter(f"{SVG}text")
             if "data-x" in each.attrib]  # fmt: skip
    assert len(boxes) == 10
    for row in {y for y, _, _ in boxes}:
        inside = sorted((x, length) for y, x, length in boxes if y == row)
        for (left, length), (right, _) in pairwise(inside):
            assert left + length * 5.5 < right


def test_the_last_point_is_on_the_axis_of_its_values() -> None:
    lane = Lane("Level", [(0, 0.0), (500, 80.0)], "%")
    text = render(Plot("t", [lane], 0, 1_000))
    facts = json.loads(ET.fromstring(text).findtext(f"{SVG}metadata") or "")["lanes"][0]
    y = float(next(each[1] for each in reversed(steps_of(text)) if each[0] == "V"))
    assert facts["low"] + (facts["bottom"] - y) / facts["scale"] == pytest.approx(80, abs=0.05)


def test_no_data_says_so() -> None:
    assert "no data in this span" in render(Plot("t", [Lane("Speed", [])], 0, 1_000))


@given(st.floats(-1e9, 1e9), st.floats(1e-6, 1e9), st.integers(3, 9))
def test_ticks_are_few_and_lie_within(low: float, span: float, count: int) -> None:
    high = low + span
    if high - low < abs(low) * 1e-6:
        return
    ticks = nice_ticks(low, high, count)
    assert len(ticks) <= count
    assert all(low - span * 1e-3 <= tick <= high + span * 1e-3 for tick in ticks)


def test_a_lane_whose_values_are_all_too_old_says_so() -> None:
    old = Lane("Speed", ((0, 3.0), (10, math.nan)), "km/h")
    assert "no data in this span" in render(Plot("t", [old], 100, 200))
    assert "no data in this span" not in render(Plot("t", [old], 5, 200))
