"""Tables of decoded values around a failure."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import Bench, s
from harness.evidence.decoded import ROWS, changes, changes_page
from harness.evidence.events import Event
from harness.evidence.record import Seen, WorldRecord
from harness.evidence.verdicts import Verdict
from harness.frames import ErrorFrame, Frame, Received
from harness.pytest_support.open_world import OpenWorld, Share
from harness.signals.database import load_database

LAMP = Path(__file__).parents[1] / "bench" / "data" / "lamp.dbc"


@pytest.fixture(scope="module")
def record() -> WorldRecord:
    protective = frozenset({"can.Pedals.PedalsCrc", "can.Pedals.PedalsCounter"})
    return WorldRecord("lamp", Path("lamp.toml"), 0, {"can": (load_database(LAMP),)}, {}, (), protective=protective)


def lamps(time: int, on: int, level: int = 0) -> Received:
    return Received(time, "can", Frame(300, bytes((on, level))))


def test_only_what_changed_is_shown_with_text_and_unit(record: WorldRecord) -> None:
    found = changes(record, [lamps(1, 0), lamps(2, 0), lamps(3, 1), lamps(4, 1, 80), lamps(5, 1, 80)])
    assert [(each.time, each.values) for each in found] == [
        (1, ("BrakeLamp = Off", "Level = 0 %")),
        (3, ("BrakeLamp = On",)),
        (4, ("Level = 40 %",)),
    ]


def test_counters_and_checksums_are_left_out(record: WorldRecord) -> None:
    pedals = [Received(time, "can", Frame(160, bytes((time, time, 10, 0)))) for time in range(3)]
    assert [each.values for each in changes(record, pedals)] == [("BrakePedal = 5 %",)]


def test_what_cannot_be_decoded_says_why(record: WorldRecord) -> None:
    strange: list[Seen] = [
        Received(1, "can", Frame(0x7AB, b"\1")),
        Received(2, "can", Frame(300, b"\1")),
        Received(3, "can", Frame(300, remote=True)),
        ErrorFrame(4, "can", "crc", Frame(300), "LAMP"),
        Received(5, "other", Frame(300, b"\1\1")),
    ]
    assert [(each.message, each.values) for each in changes(record, strange)] == [
        ("0x7AB", ("not in the database",)),
        ("Lamps", ("message 'Lamps' has 2 bytes, the frame has 1",)),
        ("Lamps", ("remote frame",)),
        ("Lamps", ("error frame (crc)",)),
        ("0x12C", ("not in the database",)),
    ]


def rows(page: str) -> list[str]:
    return [row for row in page.split("<tr")[1:] if "<th" not in row]


def test_the_latest_row_up_to_the_verdict_is_the_first_and_marked(record: WorldRecord) -> None:
    frames = [lamps(1_000_000, 0), lamps(3_000_000, 1), lamps(4_000_000, 1, 2), lamps(7_000_000, 0, 2)]
    page = changes_page(record, frames, 5_000_000)
    before, rest = page.split("After the verdict")
    after, state = rest.split("State at the beginning")
    assert ["class=mark" in row for row in rows(before)] == [True, False]
    assert "-1.000 ms" in rows(before)[0] and "-2.000 ms" in rows(before)[1]
    assert ["+2.000 ms" in row for row in rows(after)] == [True]
    assert ["BrakeLamp = Off, Level = 0 %" in row for row in rows(state)] == [True]


def test_first_values_of_a_message_that_is_sent_on_event_are_news(record: WorldRecord) -> None:
    switch = Received(2, "can", Frame(400, b"\1"))
    assert [(each.message, each.first) for each in changes(record, [lamps(1, 0), switch, lamps(3, 1)])] == [
        ("Lamps", True), ("Switch", False), ("Lamps", False)
    ]  # fmt: skip


def test_what_was_judged_is_on_top_and_the_signals_it_names_are_bold(record: WorldRecord) -> None:
    verdict = Event(5, "expectation", "stays can.BrakeLamp < On: violated", Verdict.FAILED, (("seen", "3 ns  <On>"),))
    page = changes_page(record, [lamps(1, 0), lamps(3, 1, 80)], 5, verdict)
    top = page.split("<table>")[0]
    assert "stays can.BrakeLamp &lt; On: violated" in top and "seen: 3 ns  &lt;On&gt;" in top
    assert "<b>BrakeLamp = On</b>, Level = 40 %" in page


def test_a_long_table_is_cut_to_the_rows_closest_to_the_verdict(record: WorldRecord) -> None:
    page = changes_page(record, [lamps(time, time % 2) for time in range(1000)], 999)
    assert len(rows(page.split("State at the beginning")[0])) == ROWS
    assert "999 ns" in page and ">100 ns" not in page


def test_an_empty_table(record: WorldRecord) -> None:
    assert "<table>" in changes_page(record, [], 5)


def test_protection_that_only_the_bench_file_declares_is_left_out_too() -> None:
    bench = Bench.open(Path(__file__).parents[2] / "benches" / "virtual.toml")
    bench.set("DriverDoor", 1)
    bench.wait(1 * s)
    record = Share(OpenWorld(bench)).record()
    names = {value.partition(" = ")[0] for each in changes(record, record.frames) for value in each.values}
    assert "DriverDoor" in names
    assert names.isdisjoint({"DoorStatusCrc", "DoorStatusCounter", "PedalsCrc", "PedalsCounter"})
