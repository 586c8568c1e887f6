"""The picture: as large as the terminal, whatever its size; and the keys that change it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from listened import MS, heard, observed, pedals

from harness.adapter.items import State
from harness.bench import Blueprint
from harness.bus.port import ErrorState
from harness.frames import Frame
from harness.screen import controls as names
from harness.screen.controls import Controls
from harness.screen.observed import Observation, ObservedChannel, Trouble
from harness.screen.snapshot import Snapshot, Sort, Wanted, snapshot

rich_console = pytest.importorskip("rich.console")
drawing = pytest.importorskip("harness.screen.drawing")

ROOT = Path(__file__).parents[2]
SPECIAL = [
    names.UP, names.DOWN, names.PAGE_UP, names.PAGE_DOWN, names.HOME, names.END, names.ENTER, names.ESCAPE,
    names.BACKSPACE,
]  # fmt: skip
KEYS = st.one_of(st.sampled_from([*SPECIAL, "/", "s", "a", " ", "r", "q"]), st.characters())


@pytest.fixture(scope="module")
def vehicle() -> Observation:
    blueprint = Blueprint.load(ROOT / "benches" / "virtual.toml", code=False)
    observation = Observation(blueprint, {"powertrain": "kernel", "body": "host"}, 0)
    for channel in observation.channels.values():
        for message in channel.messages.values():
            definition = message.plan.message
            for counter in (0, 1):
                data = bytearray(message.plan.start_payload)
                if message.plan.protector is not None:
                    message.plan.protector.protect(data, counter)
                frame = Frame(definition.id, bytes(data), definition.extended, definition.fd)
                channel.take(heard(MS + counter * 10 * MS, frame))
    observation.channels["body"].take(State(12 * MS, ErrorState.PASSIVE, "TEC 130"))
    observation.channels["body"].take(heard(13 * MS, Frame(0x7FF, b"\x01")))
    return observation


@pytest.fixture
def garage(tmp_path: Path) -> tuple[Observation, ObservedChannel]:
    return observed(tmp_path)


def text_of(shot: Snapshot, controls: Controls | None = None, width: int = 160, height: int = 60) -> str:
    """The picture as the terminal shows it."""
    console = rich_console.Console(record=True, width=width, height=height, file=open("/dev/null", "w"))  # noqa: SIM115
    lines = drawing.Drawing().lines(shot, controls or Controls(shot.wanted), width, height)
    for line in lines:
        console.print(line)
    console.file.close()
    return str(console.export_text())


@settings(deadline=None)
@given(st.integers(1, 240), st.integers(1, 90), st.lists(KEYS, max_size=12))
def test_the_picture_is_as_large_as_the_terminal_whatever_was_pressed(
    vehicle: Observation, width: int, height: int, keys: list[str]
) -> None:
    controls = Controls(Wanted())
    for key in keys:
        controls.press(key)
    shot = snapshot(vehicle, 20 * MS, controls.wanted)
    lines = drawing.Drawing().lines(shot, controls, width, height)
    assert len(lines) <= height
    assert all(line.cell_len <= width and "\n" not in line.plain for line in lines)
    assert 0 <= controls.top <= controls.selected <= max(0, len(shot.messages) - 1)
    if height >= 12 and shot.messages:
        assert len(lines) == height
        rows = [line for line in lines if line.style == "reverse"]
        assert len(rows) == 1, "the selected row is in sight, and it alone is marked"


def test_a_wide_terminal_shows_everything(vehicle: Observation) -> None:
    text = text_of(snapshot(vehicle, 20 * MS, Wanted()))
    for part in (
        "virtual", "46 messages, by id", "powertrain ▕", "23 of 23 messages", "error passive (TEC 130)",
        "unknown: 0x7FF 1×", "500 kbit/s, data 2 Mbit/s", "host stamps",
        "CHANNEL", "SENDER", "CYCLE", "P99", "E2E", "SIGNALS",
        "0x0A0", "Pedals", "PEDAL", "10 ms", "±0.0 ms", "BrakePedal 0.0 %", "BrakeLamp Off",
        "── CrashStatus · 0x050 · powertrain · from SRS · every 100 ms",
        "/ filter",
    ):  # fmt: skip
        assert part in text, text


@pytest.mark.parametrize("width", [24, 40, 60, 80, 100, 130, 200])
def test_a_narrow_terminal_keeps_what_matters_most(vehicle: Observation, width: int) -> None:
    text = text_of(snapshot(vehicle, 20 * MS, Wanted("brake")), width=width)
    titles = next(line.split() for line in text.splitlines() if "MESSAGE" in line)
    assert "BrakeStatus" in text
    wanted = {40: "AGE", 60: "SIGNALS", 80: "ID CHANNEL", 100: "MEAN COUNT", 130: "CYCLE P99 SENDER"}
    for needed, names_of in wanted.items():
        for title in names_of.split():
            assert (title in titles) == (width >= needed), titles


def test_a_filter_that_nothing_matches_says_so(vehicle: Observation) -> None:
    assert "matches 'zzz'" in text_of(snapshot(vehicle, 20 * MS, Wanted("zzz")))


def test_before_anything_came_it_says_so(garage: tuple[Observation, ObservedChannel]) -> None:
    text = text_of(snapshot(garage[0], MS, Wanted()))
    assert "nothing has come yet" in text and "nothing heard" in text
    assert "Pedals" in text_of(snapshot(garage[0], MS, Wanted(unseen=True)))


def test_an_adapter_that_is_gone_is_told(garage: tuple[Observation, ObservedChannel]) -> None:
    garage[1].take(Trouble(MS, "unplugged"))
    assert "adapter lost: unplugged" in text_of(snapshot(garage[0], MS, Wanted()))


def test_what_is_wrong_with_a_message_is_told(garage: tuple[Observation, ObservedChannel]) -> None:
    observation, channel = garage
    plan = channel.messages[160].plan
    channel.take(heard(MS, pedals(plan, 1, 40.0)))
    channel.take(heard(2 * MS, pedals(plan, 5, 40.0)))
    text = text_of(snapshot(observation, 2 * MS, Wanted()))
    assert "counter 1×" in text and "counter 5, expected 2" in text


def test_a_value_that_has_just_changed_stands_out(garage: tuple[Observation, ObservedChannel]) -> None:
    observation, channel = garage
    plan = channel.messages[160].plan
    picture = drawing.Drawing()

    def styles(now: int) -> set[str]:
        lines = picture.lines(snapshot(observation, now, Wanted()), Controls(Wanted()), 160, 60)
        row = next(line for line in lines if "Pedals" in line.plain)
        return {str(span.style) for span in row.spans if row.plain[span.start : span.end].startswith("4")}

    channel.take(heard(MS, pedals(plan, 1, 40.0)))
    assert "bold bright_white" not in styles(2 * MS)
    channel.take(heard(3 * MS, pedals(plan, 2, 41.0)))
    assert "bold bright_white" in styles(4 * MS)
    assert "bold bright_white" in styles(4 * MS + drawing.FRESH_NS - 1)
    assert "bold bright_white" not in styles(4 * MS + drawing.FRESH_NS)


# -- keys --------------------------------------------------------------------------------------------------------------


def pressed(*keys: str, controls: Controls | None = None) -> Controls:
    controls = controls or Controls(Wanted("lamp"))
    for key in keys:
        controls.press(key)
    return controls


def test_a_filter_is_typed_and_kept_or_given_up() -> None:
    assert pressed("/", *"xq", names.ENTER).wanted.text == "lampxq"
    assert pressed("/", *"xq", names.ESCAPE).wanted.text == "lamp"
    assert pressed("/", names.BACKSPACE, names.BACKSPACE, names.ENTER).wanted.text == "la"
    assert pressed(names.ESCAPE).wanted.text == ""
    typing = pressed("/", "q", "s", " ")
    assert typing.typing and not typing.ended and not typing.frozen and typing.wanted.text == "lampqs "


def test_other_keys_do_what_the_last_line_says() -> None:
    assert pressed("q").ended and pressed(" ").frozen and not pressed(" ", " ").frozen
    assert pressed("a").wanted.unseen and pressed("r", "r").resets == 2
    assert not pressed(names.ENTER).details
    assert [pressed(*"s" * count).wanted.sort for count in range(len(Sort) + 1)] == [*Sort, Sort.ID]
    assert pressed("s").wanted.text == pressed("a").wanted.text == "lamp"


@settings(deadline=None)
@given(st.lists(KEYS), st.integers(0, 50), st.integers(1, 20))
def test_the_selection_stays_in_sight(keys: list[str], rows: int, height: int) -> None:
    controls = pressed(*keys)
    controls.fit(rows, height)
    assert 0 <= controls.selected <= max(0, rows - 1)
    assert controls.top <= controls.selected < controls.top + height
    assert controls.top == 0 or controls.top + height <= rows
