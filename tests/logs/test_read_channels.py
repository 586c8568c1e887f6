"""Which channel of a recording is which of the bench."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.errors import LogError
from harness.logs.mapping import map_channels
from harness.logs.reading import open_log

np = pytest.importorskip("numpy")

BENCH = ["powertrain", "body"]


def a_log(own: list[str], names: dict[str, str] | None = None) -> SimpleNamespace:
    return SimpleNamespace(own_channels=own, channel_names=names or {})


@pytest.mark.parametrize(
    ("own", "names", "given", "expected"),
    [
        (["1", "2"], {}, {}, {"powertrain": "1", "body": "2"}),
        (["2"], {}, {}, {"body": "2"}),
        (["1", "2", "3"], {}, {}, {"powertrain": "1", "body": "2"}),
        (["1", "2"], {}, {"body": "1"}, {"body": "1"}),
        (["1", "3"], {}, {"body": "3"}, {"body": "3", "powertrain": "1"}),
        (["4", "9"], {"9": "body", "4": "chassis"}, {}, {"body": "9"}),
        (["1", "2"], {"1": "body", "2": "powertrain"}, {}, {"body": "1", "powertrain": "2"}),
        (["body", "can0"], {}, {}, {"body": "body"}),
        (["can10", "can2"], {}, {}, {"powertrain": "can2", "body": "can10"}),
        (["can0"], {}, {"body": "can0"}, {"body": "can0"}),
        ([], {}, {}, {}),
    ],
)
def test_channels_by_option_by_name_and_by_number(
    own: list[str], names: dict[str, str], given: dict[str, str], expected: dict[str, str]
) -> None:
    assert map_channels(a_log(own, names), BENCH, given) == expected


@pytest.mark.parametrize(
    ("own", "given", "message"),
    [
        (["1", "2"], {"bdy": "2"}, "the bench has no channel 'bdy', it has powertrain, body; did you mean 'body'?"),
        (["can0", "can1"], {"body": "can11"}, "the recording has no channel 'can11', it has can0, can1; did you mean"),
        (["1", "2"], {"body": "2", "powertrain": "2"}, "one channel of the recording cannot be two of the bench"),
        (["7", "8"], {}, r"none of the bench's channels \(powertrain, body\) .* has 7, 8: .* --channel powertrain=7"),
    ],
)
def test_channels_that_do_not_fit(own: list[str], given: dict[str, str], message: str) -> None:
    with pytest.raises(LogError, match=message):
        map_channels(a_log(own), BENCH, given)


def two_channels(path: Path) -> Path:
    path.write_text("(1.0) can1 1#\n(2.0) can0 2#\n")
    return path


def test_a_log_calls_its_channels_as_the_bench_does(tmp_path: Path) -> None:
    path = two_channels(tmp_path / "a.log")
    assert open_log(path).channels == ["can0", "can1"]
    assert open_log(path, wanted=BENCH).channels == ["powertrain", "body"]
    log = open_log(path, channels={"body": "can0"})
    assert log.channels == ["body", "can1"]
    assert [seen.channel for seen in log.frames()] == ["can1", "body"]
    assert log.own_channels == ["can0", "can1"]


def test_a_name_that_the_bench_uses_for_another_channel_is_told_apart(tmp_path: Path) -> None:
    log = open_log(two_channels(tmp_path / "a.log"), channels={"can0": "can1"})
    assert log.channels == ["can0 (in the file)", "can0"]


@pytest.mark.parametrize("channels", [{"body": "can7"}, {"body": "can0", "powertrain": "can0"}])
def test_what_no_recording_has_is_refused(tmp_path: Path, channels: dict[str, str]) -> None:
    with pytest.raises(LogError, match=r"can0|can7"):
        open_log(two_channels(tmp_path / "a.log"), channels=channels)


def test_channels_that_come_late_are_appended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.logs.text_words.STRETCH", 1 << 16)
    path = tmp_path / "a.log"
    path.write_text("".join(f"({place}.0) can5 1#\n" for place in range(30_000)) + "(30000.0) can1 2#\n")
    log = open_log(path)
    assert log.channels == ["can5"]
    assert [seen.channel for seen in log.frames()][-1] == "can1"
    assert log.channels == ["can5", "can1"]


@pytest.mark.parametrize("given", [{}, {"body": "2"}])
def test_a_channel_of_the_bench_that_comes_late_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, str]
) -> None:
    monkeypatch.setattr("harness.logs.text_words.STRETCH", 1 << 8)
    monkeypatch.setattr("harness.logs.reading._PEEKED", 10)
    path = tmp_path / "a.asc"
    path.write_text("base hex  timestamps absolute\n" + "".join(f"{time}.0 1  1 Rx d 0\n" for time in range(50)))
    assert open_log(path, wanted=BENCH).channels == ["powertrain"]
    path.write_text(path.read_text() + "50.0 2  1 Rx d 0\n")
    log = open_log(path, wanted=BENCH, channels=given)
    assert log.channels == BENCH
    assert [seen.channel for seen in log.frames()][-1] == "body"


def test_more_channels_than_columns_can_number(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text("".join(f"({place}.0) can{place} 1#\n" for place in range(300)))
    with pytest.raises(LogError, match="more than 256 channels"):
        open_log(path)
