"""Tables of decoded values around a failure."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.evidence.decoded import ROWS, changes, changes_page
from harness.evidence.record import Seen, WorldRecord
from harness.frames import ErrorFrame, Frame, Received
from harness.signals.database import load_database

LAMP = Path(__file__).parents[1] / "bench" / "data" / "lamp.dbc"


@pytest.fixture(scope="module")
def record() -> WorldRecord:
    return WorldRecord("lamp", Path("lamp.toml"), 0, {"can": (load_database(LAMP),)}, {}, ())


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


def test_the_last_row_up_to_the_verdict_is_marked(record: WorldRecord) -> None:
    page = changes_page(record, [lamps(1_000_000, 0), lamps(3_000_000, 1), lamps(7_000_000, 0)], 5_000_000)
    rows = page.split("<tr")
    assert ["class=mark" in row for row in rows[2:]] == [False, True, False]
    assert "-2.000 ms" in rows[3]


def test_a_long_table_is_cut_to_the_rows_closest_to_the_verdict(record: WorldRecord) -> None:
    page = changes_page(record, [lamps(time, time % 2) for time in range(1000)], 999)
    assert page.count("<tr") == ROWS + 1
    assert "999 ns" in page and ">100 ns" not in page


def test_an_empty_table(record: WorldRecord) -> None:
    assert "<table>" in changes_page(record, [], 5)
