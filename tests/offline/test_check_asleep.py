"""``harness check`` where networks sleep: what is taken for sleep, and what nobody has to send then."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("numpy")

from harness.bench import Bench
from harness.bench.recorder import Recorder
from harness.errors import ConfigError
from harness.evidence.verdicts import Verdict
from harness.frames import ErrorFrame, Received
from harness.logs.reading import open_log
from harness.logs.writing import write_seen
from harness.monitors.contract import bus_contract
from harness.offline.check import Checked, CheckResult, check_recording
from harness.offline.check_bench import CheckBench
from harness.units import percent, s

LAMP = Path(__file__).parents[1] / "bench" / "data" / "lamp.toml"
MS = 1_000_000


@pytest.fixture(scope="module")
def drive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds; the pedal is pressed at 1 s."""
    path = tmp_path_factory.mktemp("drive") / "drive.blf"
    with Bench.open(LAMP) as bench, Recorder(bench, path):
        bench.wait(1 * s)
        bench.set("BrakePedal", 40 * percent)
        bench.wait(2 * s)
    return path


@pytest.fixture(scope="module")
def seen(drive: Path) -> list[Received | ErrorFrame]:
    return list(open_log(drive, channels={"can": "1"}).frames())


def result(found: Checked, check: str) -> CheckResult:
    return next(each for each in found.results if each.outcome.check == check)


def write(path: Path, seen: list[Received | ErrorFrame], channels: tuple[str, ...] = ("can",)) -> Path:
    write_seen(path, seen, channels)
    return path


def bench_with(folder: Path, more: str) -> Path:
    """The lamp bench with another table."""
    for name in ("lamp.toml", "lamp.dbc", "lamp_model.py"):
        (folder / name).write_bytes((LAMP.parent / name).read_bytes())
    bench = folder / "lamp.toml"
    bench.write_text(f"{bench.read_text(encoding='utf-8')}\n{more}\n", encoding="utf-8")
    return bench


@pytest.mark.parametrize(("begin", "count"), [(500, 1), (2_000, 0)])
def test_nothing_is_late_while_the_network_says_that_it_is_not_awake(
    seen: list[Received | ErrorFrame], tmp_path: Path, begin: int, count: int
) -> None:
    """The lamp, which is on from 1 s on, plays the part of what says so."""
    bench = bench_with(tmp_path, '[monitors.awake]\ncan = "Lamps.BrakeLamp == Off"')
    gap = range(begin * MS, (begin + 30) * MS)
    left = [frame for frame in seen if frame.frame.id != 0xA0 or frame.time not in gap]
    contract = bus_contract(without=["counter", "e2e"])
    found = check_recording(write(tmp_path / "a.blf", left), CheckBench.load(bench, [], contract))
    late = result(found, "cycle time of Pedals").outcome
    assert (late.count, len(late.violations)) == (count, count)
    assert any("not awake" in remark for remark in found.remarks) is (count == 0)


@pytest.mark.parametrize(("end", "count"), [(500, 1), (2_000, 0)])
def test_a_network_that_falls_silent_without_having_said_so_is_dead(
    seen: list[Received | ErrorFrame], tmp_path: Path, end: int, count: int
) -> None:
    """The pedal tells the end of the recording, on a network of its own that does not sleep."""
    more = '[monitors.awake]\ncan = "Lamps.BrakeLamp == Off"\n[restbus]\nsleep_after = "500 ms"'
    bench = bench_with(tmp_path, more)
    bench.write_text(
        f'{bench.read_text(encoding="utf-8")}\n[channels.other]\ndatabase = "lamp.dbc"\n', encoding="utf-8"
    )
    dead = [frame for frame in seen if frame.time < end * MS]
    other = [frame._replace(channel="other") for frame in seen]
    path = write(tmp_path / "a.blf", sorted([*dead, *other], key=lambda each: each.time), ("can", "other"))
    found = check_recording(path, CheckBench.load(bench, [], bus_contract(without=["counter", "e2e"])))
    asleep = result(found, "sleep of can")
    assert (asleep.outcome.count, found.verdict) == (count, Verdict.FAILED if count else Verdict.PASSED)
    assert any(remark.startswith("can was silent as a whole") for remark in found.remarks) is (count == 0)


def test_a_wrong_signal_for_awake_is_told(drive: Path, tmp_path: Path) -> None:
    bench = bench_with(tmp_path, '[monitors.awake]\ncan = "Lamps.BreakLamp == Off"')
    with pytest.raises(ConfigError, match=r"no signal 'Lamps\.BreakLamp'; did you mean"):
        check_recording(drive, CheckBench.load(bench, [], bus_contract()))


def test_a_channel_that_falls_silent_is_remarked_where_networks_sleep(
    seen: list[Received | ErrorFrame], tmp_path: Path
) -> None:
    bench = bench_with(tmp_path, '[restbus]\nsleep_after = "500 ms"')
    alive = [frame for frame in seen if not 1 * 10**9 < frame.time < 2 * 10**9]
    contract = bus_contract(without=["counter", "e2e"])
    found = check_recording(write(tmp_path / "a.blf", alive), CheckBench.load(bench, [], contract))
    assert [remark for remark in found.remarks if remark.startswith("can was silent as a whole for ")]
