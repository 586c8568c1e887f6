"""Decoded signals in other tools: what polars and asammdf read back."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars
import pytest

from harness.errors import LogError, MissingExtra
from harness.frames import Frame, Received
from harness.logs.columns import FrameColumns
from harness.logs.decode import Decoder
from harness.logs.export import to_polars, write_mf4, write_table
from harness.logs.signals import Signals
from harness.signals.column import SignalColumn
from harness.signals.definitions import MessageDef, SignalDef

LEVEL = SignalDef("Level", "Tank", 0, 8, scale=0.5, offset=-10, unit="%", comment="how full")
STATE = SignalDef("State", "Tank", 8, 4, choices={0: "Off", 1: "Größer", 15: "Invalid"})
PAGE = SignalDef("Page", "Pages", 0, 8, is_multiplexer=True)
FIRST = SignalDef("First", "Pages", 8, 16, unit="°C", multiplexer="Page", multiplexer_ids=(1,), signed=True)
SECOND = SignalDef("Second", "Pages", 8, 32, is_float=True, multiplexer="Page", multiplexer_ids=(2,))
LONG = SignalDef("Long", "Pages", 0, 72)
MESSAGES = {
    "body": [MessageDef("Tank", 0x10, 2, (LEVEL, STATE)), MessageDef("Pages", 0x11, 12, (PAGE, FIRST, SECOND, LONG))]
}
SEEN = [
    Received(1_000_000 * row, "body", Frame(0x10, bytes([row, row % 17])) if row % 3 else
             Frame(0x11, bytes([1 + row % 2, 0xFE, 0xFF, row, 0x40, *bytes(7)]), fd=True))
    for row in range(60)
]  # fmt: skip


def parts(size: int) -> list[dict[str, SignalColumn]]:
    decoder = Decoder(MESSAGES)
    return [
        decoder.block(FrameColumns.of(SEEN[at : at + size], ["body"]), ["body"]) for at in range(0, len(SEEN), size)
    ]


WHOLE = Signals(parts(60)[0], start=1_700_000_000_123_456_789)


@pytest.mark.parametrize("size", [60, 7])
def test_an_mf4_file_gives_the_same_values_units_and_labels(tmp_path: Path, size: int) -> None:
    from asammdf import MDF

    with MDF(write_mf4(parts(size), tmp_path / "new" / "drive.mf4", start=WHOLE.start)) as mdf:
        assert mdf.header.abs_time == WHOLE.start
        for path, column in WHOLE.items():
            raw: Any = mdf.get(path, raw=True)
            assert raw.unit == column.definition.unit
            assert np.round(raw.timestamps * 1e9).tolist() == column.time.tolist()
            if path != "body.Pages.Long":  # no tool has integers of 72 bits
                assert raw.samples.tolist() == column.raw.tolist()
            if not column.definition.choices:
                value: Any = mdf.get(path).samples
                assert value.astype(np.float64).tolist() == column.value.astype(np.float64).tolist()
        assert "how full" in mdf.get("Level").comment
        state: Any = mdf.get("State", raw=True)
        found = state.conversion.convert(state.samples, as_object=True).tolist()
        wanted = [text or value for text, value in zip(WHOLE["State"].text, WHOLE["State"].value, strict=True)]
        assert [each.decode() if isinstance(each, bytes) else each for each in found] == wanted
        assert {getattr(group.channel_group, "acq_name", "") for group in mdf.groups} == {"body.Tank", "body.Pages"}


def test_the_same_signals_give_the_same_bytes(tmp_path: Path) -> None:
    one, other = (write_mf4([WHOLE], tmp_path / name, start=WHOLE.start) for name in ("one.mf4", "other.mf4"))
    assert one.read_bytes() == other.read_bytes()


def test_nothing_decoded_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="nothing to write"):
        write_mf4([{}], tmp_path / "drive.mf4")
    assert not (tmp_path / "drive.mf4").exists()


def test_a_long_frame_has_a_row_per_sample() -> None:
    frame = to_polars(WHOLE)
    assert frame.columns == ["time", "signal", "value", "label"]
    assert frame.height == sum(len(column) for column in WHOLE.values())
    assert frame["time"].is_sorted()
    state = frame.filter(polars.col("signal") == "body.Tank.State")
    assert state["label"].to_list() == WHOLE["State"].text.tolist()
    level = frame.filter(polars.col("signal") == "body.Tank.Level")
    assert level["value"].to_list() == WHOLE["Level"].value.tolist()
    assert level["time"].to_list()[:2] == [timedelta(milliseconds=1), timedelta(milliseconds=2)]


def test_a_wide_frame_has_a_row_per_instant() -> None:
    frame = WHOLE.to_polars(wide=True)
    assert frame.height == len(SEEN)
    assert frame["body.Tank.Level"].dtype == polars.Float64 and frame["body.Tank.State"].dtype == polars.Int64
    assert frame["body.Tank.Level"].drop_nulls().to_list() == WHOLE["Level"].value.tolist()
    assert frame["body.Tank.Level"].to_list()[:3] == [None, -9.5, -9.0]
    assert frame["body.Pages.First"].drop_nulls().to_list() == WHOLE["First"].value.tolist()


def test_the_last_of_several_samples_in_an_instant_stays() -> None:
    twice = SignalColumn(LEVEL, np.array([5, 5, 6]), np.array([1, 2, 3]), np.array([0.5, 1.0, 1.5]))
    assert to_polars({"a": twice}, wide=True)["a"].to_list() == [1.0, 1.5]


def test_no_signals_give_an_empty_frame() -> None:
    assert to_polars({}).height == to_polars({}, wide=True).height == 0
    none = SignalColumn(LEVEL, np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
    assert to_polars({"a": none}).height == to_polars({"a": none}, wide=True).height == 0


def test_times_of_a_table_have_nine_digits_and_a_sign(tmp_path: Path) -> None:
    column = SignalColumn(LEVEL, np.array([-1_500_000_000, -1, 0, 1]), np.arange(4), np.arange(4))
    path = write_table([{"a": column}], tmp_path / "a.csv")
    times = [line.partition(",")[0] for line in path.read_text().splitlines()[1:]]
    assert times == ["-1.500000000", "-0.000000001", "0.000000000", "0.000000001"]


def test_a_missing_package_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "polars", None)
    monkeypatch.setitem(sys.modules, "asammdf", None)
    with pytest.raises(MissingExtra, match=r"vehicle-harness\[polars\]"):
        WHOLE.to_polars()
    with pytest.raises(MissingExtra, match=r"vehicle-harness\[mf4\]"):
        WHOLE.to_mf4(tmp_path / "a.mf4")
    for suffix in (".csv", ".parquet"):
        with pytest.raises(MissingExtra, match=r"vehicle-harness\[polars\]"):
            write_table([WHOLE], tmp_path / f"a{suffix}")
    assert list(tmp_path.iterdir()) == [], "no half a file"
