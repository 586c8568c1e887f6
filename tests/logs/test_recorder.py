"""Recording a world while it runs."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import can
import pytest
from recorded_frames import read_by_python_can

from harness import ms, s
from harness.bench import Bench
from harness.bench.recorder import Recorder, describe
from harness.errors import IntegrityError, LogError
from harness.frames import Frame
from harness.logs.writing import FORMATS

ROOT = Path(__file__).parents[2]
LAMP = ROOT / "tests" / "bench" / "data" / "lamp.toml"
FULL = Path("/dev/full")
STREAMED = ("blf", "asc", "log")


def times(path: Path) -> list[int]:
    return [round(row[0] / 1000) for row in read_by_python_can(path)]  # type: ignore[operator]


def in_trace(bench: Bench) -> list[int]:
    trace = bench.world.channel("can").network.trace
    return [round(each.time / 1000) for each in trace.between(0, trace.latest)]


@pytest.mark.parametrize("form", STREAMED)
def test_everything_that_is_seen_is_recorded(form: str, tmp_path: Path) -> None:
    with Bench.open(LAMP) as bench:
        with Recorder(bench, tmp_path / f"a.{form}") as recorder:
            bench.wait(2 * s)
        assert recorder.paths == (tmp_path / f"a.{form}",)
        if form != "log":
            assert times(tmp_path / f"a.{form}") == in_trace(bench)
        assert len(times(tmp_path / f"a.{form}")) == len(in_trace(bench)) > 100


def test_error_frames_are_recorded_in_their_place(tmp_path: Path) -> None:
    with Bench.open(LAMP) as bench, Recorder(bench, tmp_path / "a.blf"):
        bench.wait(500 * ms)
        bench.world.channel("can").bus.corrupt(kind="bit", count=3)
        bench.wait(500 * ms)
        expected = in_trace(bench)
    rows = read_by_python_can(tmp_path / "a.blf")
    assert [row[1] for row in rows].count("error") == 3
    assert times(tmp_path / "a.blf") == expected


def test_a_slice_of_a_long_world_keeps_the_times_of_the_world(tmp_path: Path) -> None:
    with Bench.open(LAMP) as bench:
        bench.wait(1 * s)
        with Recorder(bench, tmp_path / "a.blf") as recorder:
            bench.wait(1 * s)
        bench.wait(1 * s)
        wanted = [each for each in in_trace(bench) if 1_000_000 < each <= 2_000_000]
        assert times(recorder.paths[0]) == wanted


def test_frames_of_test_and_rest_bus_are_tx(tmp_path: Path) -> None:
    with Bench.open(LAMP) as bench, Recorder(bench, tmp_path / "a.blf"):
        bench.wait(100 * ms)
    with can.BLFReader(tmp_path / "a.blf") as reader:
        directions = {message.arbitration_id: message.is_rx for message in reader}
    assert directions == {0xA0: False, 0x12C: True}, "PEDAL is absent, LAMP is simulated"


def test_the_frame_that_breaks_the_contract_is_in_the_recording(tmp_path: Path) -> None:
    with pytest.raises(IntegrityError), Bench.open(LAMP) as bench, Recorder(bench, tmp_path / "a.blf"):
        bench.wait(50 * ms)
        bench.send("can", Frame(0x7AA, b"\x01"))
        bench.wait(50 * ms)
    assert read_by_python_can(tmp_path / "a.blf")[-1][2] == 0x7AA


def test_rotation_keeps_head_and_frames(tmp_path: Path) -> None:
    with Bench.open(LAMP, seed=3) as bench:
        with Recorder(bench, tmp_path / "a.asc", rotate=20_000, metadata={"test": "t"}) as recorder:
            bench.wait(20 * s)
        assert len(recorder.paths) > 3
        assert [each for path in recorder.paths for each in times(path)] == in_trace(bench)
    for path in recorder.paths:
        head = path.read_text().partition("Begin Triggerblock")[0]
        assert "// channel 1: can\n" in head and "// test: t\n" in head and "// seed: 3\n" in head


def test_the_head_says_what_was_recorded() -> None:
    import hashlib

    with Bench.open(LAMP, seed=5) as bench:
        found = describe(bench.world)
        assert found == {
            "bench": "lamp",
            "bench file": f"lamp.toml sha256 {hashlib.sha256(LAMP.read_bytes()).hexdigest()}",
            "seed": "5",
            "database lamp.dbc": hashlib.sha256(LAMP.with_name("lamp.dbc").read_bytes()).hexdigest(),
        }
        bench.wait(1 * s)
        assert describe(bench.world)["begins"] == "1 s"


def test_a_recording_changes_nothing_in_the_world(tmp_path: Path) -> None:
    prints = []
    for record in (False, True):
        with Bench.open(LAMP) as bench:
            recorder = Recorder(bench, tmp_path / "a.blf") if record else None
            bench.wait(3 * s)
            prints.append(bench.world.channel("can").network.trace.sha256())
            if recorder is not None:
                recorder.close()
    assert prints[0] == prints[1]


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "other"):
        with Bench.open(LAMP, seed=1) as bench, Recorder(bench, tmp_path / f"{name}.blf"):
            bench.wait(3 * s)
    assert (tmp_path / "one.blf").read_bytes() == (tmp_path / "other.blf").read_bytes()


@pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full, a disk that is always full")
def test_a_disk_that_fills_up_stops_the_world(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="No space left"), Bench.open(LAMP) as bench:
        recorder = Recorder(bench, tmp_path / "a.blf")
        bench.wait(1500 * ms)
        writer = recorder._writer
        writer.flush()
        writer._file.close()  # type: ignore[attr-defined]
        writer._file = FULL.open("wb")  # type: ignore[attr-defined]
        with pytest.raises(LogError, match="cannot be written: No space left on device"):
            bench.wait(10 * s)
        recorder.close()
        # Whoever swallows it is told again, at the latest when the bench closes.


def test_a_discarded_recording_leaves_nothing(tmp_path: Path) -> None:
    with Bench.open(LAMP) as bench:
        recorder = Recorder(bench, tmp_path / "a.asc")
        bench.wait(3 * s)
        recorder.discard()
        bench.wait(3 * s)
    assert list(tmp_path.iterdir()) == []


# -- a process that is killed ------------------------------------------------------------------------------------------

KILLED = """
import sys
from harness import ms, s
from harness.bench import Bench
from harness.bench.recorder import Recorder
with Bench.open(sys.argv[1]) as bench:
    recorder = Recorder(bench, sys.argv[2], rotate=int(sys.argv[3]))
    bench.wait(10_300 * ms)
    print(bench.world.channel("can").network.trace.latest, flush=True)
    sys.stdin.readline()
"""


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("rotate", [0, 30_000])
def test_a_killed_process_leaves_all_but_the_last_second(form: str, rotate: int, tmp_path: Path) -> None:
    if form == "mf4":
        pytest.importorskip("asammdf")
    arguments = [sys.executable, "-c", KILLED, str(LAMP), str(tmp_path / f"a.{form}"), str(rotate)]
    process = subprocess.Popen(arguments, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None and process.stdout is not None
    latest = int(process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    assert process.wait(30) == -signal.SIGKILL
    process.stdin.close()
    process.stdout.close()
    left = sorted(tmp_path.iterdir())
    found = [each for path in left for each in times(path)]
    with Bench.open(LAMP) as bench:
        bench.wait(10_300 * ms)
        seen = in_trace(bench)
    if form != "log":
        assert found == seen[: len(found)]
    assert latest // 1000 - found[-1] < 1_000_000
    assert len(found) > 0.85 * len(seen)
