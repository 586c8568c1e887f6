"""A recording of a real bench is judged as exactly as the bench was, and no more exactly."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

pytest.importorskip("numpy")

from harness import bus_contract
from harness.adapter.items import Batch, Heard
from harness.adapter.spec import AdapterSpec
from harness.bench import Bench, Blueprint
from harness.bench.accounting import Accounting
from harness.bench.following import FollowingLoop
from harness.bench.recorded import Recording
from harness.bench.recorder import Recorder
from harness.bench.refusal import Refusal
from harness.bench.rig import Rig
from harness.errors import ExpectationFailed, HarnessError, Inconclusive, IntegrityError, LogError
from harness.evidence.verdicts import Verdict, verdict_of
from harness.frames import ErrorFrame, Frame, Received
from harness.logs.exactness import Exactness, beside, read_exactness
from harness.logs.exactness import text_of as text_of_exactness
from harness.logs.reading import Log, open_log
from harness.logs.writing import write_seen
from harness.offline.check import Checked, CheckResult, check_recording
from harness.offline.check_bench import CheckBench
from harness.offline.check_text import text_of
from harness.units import Duration, ms, percent, s

LAMP = Path(__file__).parent / "data" / "lamp.toml"
MS = 1_000_000
END = 2_000 * MS
LAMPS = 300

BENCH = """
name = "scripted"

[channels.can]
database = "lamp.dbc"
port = "can"
interface = "virtual"
channel = "nowhere"

[nodes]
PEDAL = { state = "real" }
LAMP = { state = "real" }

"""

PROPERTY = """
[[property]]
name = "The level stays low"
formula = "always(Level < 30 * percent)"
"""


class Line:
    """A line whose adapter's thread is the test."""

    def __init__(self, stamps_ns: int) -> None:
        self.sink: Callable[[Batch], object] | None = None
        self.heard = False
        self.adapter = SimpleNamespace(
            open=lambda: None, end=lambda: None, apply=lambda item, now: None, statistics=lambda: None,
            capabilities=SimpleNamespace(echo=False, stamp_uncertainty_ns=stamps_ns),
            spec=AdapterSpec("can", "virtual", "nowhere", 500_000),
        )  # fmt: skip

    def begin(self) -> None:
        """It is always there."""

    release = begin

    def hand_over(self, sink: Callable[[Batch], object]) -> None:
        self.sink = sink


class Scripted:
    """A world on a real channel whose frames and lateness the test tells; its clock stands."""

    def __init__(self, file: Path, stamps_ns: int = 100_000) -> None:
        blueprint = Blueprint.load(file)
        self.line = Line(stamps_ns)
        rig = SimpleNamespace(
            file=blueprint.file, blueprint=blueprint, lines={"can": self.line}, live=None, reset_is_due=lambda: False,
            check=lambda: None, account=lambda live: None, instruments=SimpleNamespace(check=lambda: None),
            refusal=Refusal(),
        )  # fmt: skip
        self.bench = Bench(blueprint, rig=cast(Rig, rig))
        assert self.bench.world.accounting is not None
        self.bench.world.accounting.settle = lambda: None  # all is told before it is asked for

    def feed(self, seen: Sequence[Received | ErrorFrame], late: Callable[[int], int], end: int = END) -> None:
        """Hand frames over, a batch each 5 ms, and wait until the world has taken them. late: at some instant, ns."""
        assert self.line.sink is not None
        waiting = list(seen)
        for complete in range(5 * MS, end + 200 * MS, 5 * MS):
            items = [Heard(each.time, each.frame) for each in waiting if each.time <= complete]
            waiting = waiting[len(items) :]
            self.line.sink(Batch(complete, late(complete), tuple(items)))
        self.bench.world.loop.run_until(end + 195 * MS)


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> list[Received | ErrorFrame]:
    """Two seconds of the lamp's bus; the pedal is pressed at 1 s."""
    path = tmp_path_factory.mktemp("drive") / "drive.blf"
    with Bench.open(LAMP) as bench, Recorder(bench, path):
        bench.wait(1 * s)
        bench.set("BrakePedal", 40 * percent)
        bench.wait(1200 * ms)
    assert not beside(path).exists(), "virtual time is exact"
    return list(open_log(path, channels={"can": "1"}).frames())


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bench")
    for name in ("lamp.dbc", "lamp_model.py"):
        shutil.copy(LAMP.parent / name, folder)
    (folder / "scripted.toml").write_text(BENCH)
    (folder / "properties.toml").write_text(PROPERTY)
    return folder / "scripted.toml"


@pytest.fixture
def scripted(file: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scripted]:
    monkeypatch.setattr("harness.bench.live.FollowingLoop", partial(FollowingLoop, clock=lambda: 0))
    monkeypatch.setattr("harness.bench.live.clock_ns", lambda: 0)
    world = Scripted(file)
    yield world
    world.bench.close()


def delayed(seen: Sequence[Received | ErrorFrame], by: int, at: int = 500 * MS) -> list[Received | ErrorFrame]:
    """One frame of the lamp comes later, or is stamped so."""
    first = next(each for each in seen if each.time >= at and each.frame.id == LAMPS)
    return sorted((each._replace(time=each.time + by * (each is first)) for each in seen), key=lambda each: each.time)


def never(time: int) -> int:
    return 0


def around(at: int, late_ns: int) -> Callable[[int], int]:
    """The channel's process was so late for a moment."""
    return lambda time: late_ns if at < time <= at + 60 * MS else 0


CONTRACT = bus_contract(without=["silence", "load"])


def watched(bench: Bench, run: Callable[[], object]) -> Verdict:
    """What watching the contract meanwhile comes to."""
    try:
        with bench.watch(CONTRACT):
            run()
        bench.check()
    except HarnessError as error:
        return verdict_of(error)
    return Verdict.PASSED


def played(path: Path, file: Path) -> Bench:
    return Bench(Blueprint.load(file), recording=Recording(path))


def checked(path: Path, file: Path, *properties: Path) -> Checked:
    return check_recording(path, CheckBench.load(file, properties, CONTRACT))


def result(found: Checked, check: str) -> CheckResult:
    return next(each for each in found.results if each.outcome.check == check)


FORMATS = ["blf", "asc", "log", "mf4"]


@pytest.mark.parametrize("form", FORMATS)
def test_a_gap_of_a_late_stamp_is_a_doubt_on_the_bench_and_in_its_recording(
    scripted: Scripted, file: Path, seen: list[Received | ErrorFrame], tmp_path: Path, form: str
) -> None:
    if form == "mf4":
        pytest.importorskip("asammdf")
    path = tmp_path / f"drive.{form}"
    with Recorder(scripted.bench, path):
        live = watched(scripted.bench, lambda: scripted.feed(delayed(seen, 7 * MS), around(480 * MS, 8 * MS)))
    assert live is Verdict.INCONCLUSIVE
    found = checked(path, file)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert result(found, "cycle time of Lamps").outcome.count == 0
    assert "known to within 8.1 ms only (can: stamps within 100 µs; channel process can late by up to 8 ms" in (
        found.reason
    )
    assert "recorded on a real bench: times are known to within 8.1 ms at worst; 1 violations cannot be told" in (
        found.remarks
    )
    bench = played(path, file)
    assert watched(bench, lambda: bench.wait(Duration(END))) is Verdict.INCONCLUSIVE

    doubted = result(found, "cycle time of Lamps")
    beside(path).unlink()
    found = checked(path, file)
    red = result(found, "cycle time of Lamps")
    assert found.verdict is Verdict.FAILED and red.outcome.count == 1
    assert re.search(r"cycle times +FAILED +2 of 2", text_of(replace(found, results=[doubted, red])))
    assert any("not beside it" in remark for remark in found.remarks) is (form != "log"), "candump has no head"
    bench = played(path, file)
    assert watched(bench, lambda: bench.wait(Duration(END))) is Verdict.FAILED
    assert any("not beside it" in event.title for event in bench.journal) is (form != "log")


@pytest.mark.parametrize(("by", "late", "verdict"), [(7, 0, "failed"), (7, 3, "failed"), (0, 8, "passed")])
def test_what_is_certain_stays_so(
    scripted: Scripted, file: Path, seen: list[Received | ErrorFrame], tmp_path: Path, by: int, late: int, verdict: str
) -> None:
    path = tmp_path / "drive.blf"
    with Recorder(scripted.bench, path):
        live = watched(scripted.bench, lambda: scripted.feed(delayed(seen, by * MS), around(480 * MS, late * MS)))
    assert live.value == verdict
    assert checked(path, file).verdict.value == verdict


def test_what_happened_while_the_bench_was_too_late_can_be_its_fault(
    scripted: Scripted, file: Path, seen: list[Received | ErrorFrame], tmp_path: Path
) -> None:
    path = tmp_path / "drive.blf"
    left = [each for each in seen if each.frame.id != LAMPS or not 500 * MS < each.time < 620 * MS]
    with Recorder(scripted.bench, path):
        scripted.feed(left, around(480 * MS, 30 * MS))
    watching = Scripted(file)
    with closing(watching.bench), pytest.raises(IntegrityError) as live, watching.bench.watch(CONTRACT):
        watching.feed(left, around(480 * MS, 30 * MS))
    bench = played(path, file)
    with pytest.raises(IntegrityError) as again, bench.watch(CONTRACT):
        bench.wait(Duration(END))
    assert live.value.timed and again.value.timed
    found = checked(path, file, file.with_name("properties.toml"))
    assert found.verdict is Verdict.INCONCLUSIVE
    cycle = result(found, "cycle time of Lamps").outcome
    assert (cycle.count, cycle.violations) == (0, ())
    assert "the bench itself was late by more than 20 ms meanwhile" in cycle.doubt
    assert result(found, "The level stays low").outcome.doubt.endswith("which can be the reason")
    beside(path).unlink()
    found = checked(path, file, file.with_name("properties.toml"))
    assert [result(found, name).verdict for name in ("cycle time of Lamps", "The level stays low")] == [
        Verdict.FAILED, Verdict.FAILED
    ]  # fmt: skip


@pytest.mark.parametrize("size", [1, 7, 60])
def test_it_does_not_matter_where_a_recording_is_cut_into_blocks(
    scripted: Scripted,
    file: Path,
    seen: list[Received | ErrorFrame],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    size: int,
) -> None:
    path = tmp_path / "drive.blf"
    left = delayed([each for each in seen if each.frame.id != LAMPS or not 1_500 * MS < each.time < 1_620 * MS], 7 * MS)
    with Recorder(scripted.bench, path):
        scripted.feed(left, around(480 * MS, 8 * MS))
    whole = checked(path, file)
    blocks = Log.blocks
    monkeypatch.setattr(Log, "blocks", lambda log: blocks(log, size))
    found = checked(path, file)
    assert found.results == whole.results and found.remarks == whole.remarks
    lamps = result(found, "cycle time of Lamps").outcome
    assert [each.start > 1_400 * MS for each in lamps.violations] == [True] and lamps.count == 1


@pytest.mark.parametrize(("end", "at", "verdict"), [(620, 560, "inconclusive"), (550, 600, "failed")])
def test_a_gap_is_excused_by_what_was_late_until_the_frame_came(
    scripted: Scripted, file: Path, seen: list[Received | ErrorFrame], tmp_path: Path, end: int, at: int, verdict: str
) -> None:
    path = tmp_path / "drive.blf"
    left = [each for each in seen if each.frame.id != LAMPS or not 500 * MS < each.time < end * MS]
    with Recorder(scripted.bench, path):
        scripted.feed(left, around(at * MS, 30 * MS))
    found = result(checked(path, file), "cycle time of Lamps").verdict
    assert found is not None and found.value == verdict


@pytest.mark.parametrize(("at", "verdict"), [(900, "inconclusive"), (1_500, "failed")])
def test_a_property_is_excused_by_lateness_when_that_matters(
    scripted: Scripted, file: Path, seen: list[Received | ErrorFrame], tmp_path: Path, at: int, verdict: str
) -> None:
    path = tmp_path / "drive.blf"
    with Recorder(scripted.bench, path):
        scripted.feed(seen, around(at * MS, 30 * MS))
    found = result(checked(path, file, file.with_name("properties.toml")), "The level stays low")
    assert found.verdict is not None and found.verdict.value == verdict
    assert (found.first is None) is (verdict == "inconclusive")


def test_what_was_late_a_second_before_explains_no_gap_nor_what_frames_say(
    scripted: Scripted, file: Path, seen: list[Received | ErrorFrame], tmp_path: Path
) -> None:
    path = tmp_path / "drive.blf"
    wrong = [
        each._replace(frame=each.frame._replace(data=b"\0" + each.frame.data[1:]))
        if each.frame.id == 160 and 600 * MS < each.time < 720 * MS
        else each
        for each in delayed(seen, 90 * MS, 1_800 * MS)
    ]
    with Recorder(scripted.bench, path):
        scripted.feed(wrong, around(100 * MS, 30 * MS))
    found = checked(path, file)
    assert result(found, "cycle time of Lamps").verdict is Verdict.FAILED
    protection = result(found, "protection of Pedals")
    assert protection.verdict is Verdict.FAILED
    kinds = {each.kind for each in protection.outcome.violations}
    assert kinds == {"crc"} and protection.outcome.count == len(protection.outcome.violations)
    beside(path).unlink()
    exact = result(checked(path, file), "protection of Pedals").outcome
    assert exact.count == protection.outcome.count + 1 and "e2e" in {each.kind for each in exact.violations}


def test_an_expectation_is_as_exact_as_it_was(
    scripted: Scripted, file: Path, seen: list[Received | ErrorFrame], tmp_path: Path
) -> None:
    path = tmp_path / "drive.blf"
    with Recorder(scripted.bench, path):
        scripted.feed(seen, around(980 * MS, 8 * MS))
    bench = played(path, file)
    lights = bench.wait_until(bench.signal("BrakeLamp") == "On", timeout=2 * s).time

    def lamp(bench: Bench, offset: int) -> object:
        return bench.expect(
            bench.signal("BrakeLamp") == "On", within=Duration(lights + offset - 900 * MS), after=900 * ms
        )

    for each in (scripted.bench, bench):
        for offset in (-5 * MS, 5 * MS):
            with pytest.raises(Inconclusive, match=r"known to within 8\.1 ms only"):
                lamp(each, offset)
        assert lamp(each, 20 * MS)
        with pytest.raises(ExpectationFailed):
            lamp(each, -20 * MS)
        with pytest.raises(Inconclusive):
            assert max(each.traffic("Lamps").gaps) <= 21 * ms


def test_whoever_sent_is_remembered_whatever_the_bench_file_says_that_judges(
    scripted: Scripted, file: Path, seen: list[Received | ErrorFrame], tmp_path: Path
) -> None:
    path = tmp_path / "drive.blf"
    with Recorder(scripted.bench, path):
        scripted.feed(delayed(seen, 90 * MS), never)
    simulated = played(path, LAMP)
    assert watched(simulated, lambda: simulated.wait(Duration(END))) is Verdict.FAILED
    assert checked(path, LAMP).verdict is Verdict.FAILED
    told = beside(path).read_text()
    beside(path).write_text(told.replace('"own": []', '"own": ["LAMP"]'))
    found = checked(path, LAMP)
    assert found.verdict is Verdict.INCONCLUSIVE and "which this bench sends itself" in found.reason


def test_a_damaged_file_is_told(
    scripted: Scripted, file: Path, seen: list[Received | ErrorFrame], tmp_path: Path
) -> None:
    path = tmp_path / "drive.blf"
    with Recorder(scripted.bench, path):
        scripted.feed(seen, never)
    beside(path).write_text(beside(path).read_text()[:-2])
    for judge in (checked, played):
        with pytest.raises(LogError, match=r"drive\.blf\.exactness, which says how exactly .* line \d+: it is cut"):
            judge(path, file)


def test_a_copy_may_be_stamped_before_its_original_by_another_adapter(file: Path, tmp_path: Path) -> None:
    shutil.copy(file.with_name("lamp.dbc"), tmp_path)
    (tmp_path / "two.toml").write_text(
        '[channels.a]\ndatabase = "lamp.dbc"\n[channels.b]\ndatabase = "lamp.dbc"\n'
        '[monitors.routes]\n"a.Switch" = { to = "b.Switch", within = "5 ms" }\n'
    )
    path = tmp_path / "two.blf"
    switch = Frame(400, b"\1")
    seen = [Received(10 * MS * n - early, name, switch) for n in (1, 2, 3) for early, name in ((80_000, "b"), (0, "a"))]
    write_seen(path, [*seen, Received(100 * MS, "a", switch), Received(101 * MS, "b", switch)], ["a", "b"])
    routes = CheckBench.load(tmp_path / "two.toml", [], bus_contract(without=["cycle", "silence"]))
    beside(path).write_text(text_of_exactness(Exactness({"a": 50_000, "b": 50_000})))
    assert check_recording(path, routes).verdict is Verdict.PASSED
    bench = Bench(Blueprint.load(tmp_path / "two.toml"), recording=Recording(path))
    with bench.watch(bus_contract(without=["cycle", "silence", "load"])):
        bench.wait(101 * ms)
    beside(path).unlink()
    assert check_recording(path, routes).verdict is Verdict.FAILED


# -- the file while it is written -------------------------------------------------------------------------------------


def known(path: Path) -> Accounting:
    found = Accounting.of(read_exactness(path))
    assert found is not None
    return found


def test_each_file_of_a_recording_that_rotates_is_as_exact_as_the_bench_was(
    scripted: Scripted, seen: list[Received | ErrorFrame], tmp_path: Path
) -> None:
    lateness = {each: each * 10_000 for each in range(0, 2_200, 5)}
    with Recorder(scripted.bench, tmp_path / "drive.asc", rotate=8_000) as recorder:
        scripted.feed(seen, lambda time: lateness[time // MS])
    assert len(recorder.paths) > 2
    truth = scripted.bench.world.accounting
    assert truth is not None
    for path in recorder.paths:
        log = open_log(path)
        times = [each.time for each in log.frames()]
        found = known(path)
        for time in (times[0], (times[0] + times[-1]) // 2, times[-1]):
            assert found.uncertainty(time, time) == truth.uncertainty(time, time)
            assert found.worst(max(0, time - 1_000 * MS), time) == truth.worst(max(0, time - 1_000 * MS), time)


def test_files_that_are_full_within_moments_are_as_exact(scripted: Scripted, tmp_path: Path) -> None:
    """A thousand frames are written at once, and a file is full after each such piece."""
    seen: list[Received | ErrorFrame] = [Received(n * 100_000, "can", Frame(0x700)) for n in range(5_000)]
    with Recorder(scripted.bench, tmp_path / "drive.blf", rotate=1) as recorder:
        scripted.feed(seen, lambda time: 5 * MS)
    assert len(recorder.paths) > 4
    assert [known(path).worst(0, END) for path in recorder.paths] == [5 * MS] * len(recorder.paths)


def test_a_file_that_cannot_be_written_leaves_no_recording(scripted: Scripted, tmp_path: Path) -> None:
    beside(tmp_path / "drive.blf").mkdir()
    with pytest.raises(LogError, match=r"drive\.blf\.exactness cannot be written"):
        Recorder(scripted.bench, tmp_path / "drive.blf")
    assert not (tmp_path / "drive.blf").exists()


def test_a_run_that_is_killed_leaves_what_was_known(
    scripted: Scripted, seen: list[Received | ErrorFrame], tmp_path: Path
) -> None:
    path = tmp_path / "drive.blf"
    recorder = Recorder(scripted.bench, path)
    scripted.feed(seen, around(480 * MS, 8 * MS))
    assert known(path).worst(0, END) == 8 * MS, "nobody has closed it"
    recorder.discard()
    assert list(tmp_path.iterdir()) == []


def test_all_that_may_be_late_is_kept(scripted: Scripted, seen: list[Received | ErrorFrame], tmp_path: Path) -> None:
    accounting = scripted.bench.world.accounting
    assert accounting is not None
    with Recorder(scripted.bench, tmp_path / "drive.blf"):
        scripted.feed(seen, around(480 * MS, 8 * MS))
        accounting.acting.note(700 * MS, 4 * MS)
        accounting.answering.note(900 * MS, 30 * MS)
    assert known(tmp_path / "drive.blf").text(0, END) == accounting.text(0, END)


def test_a_recording_in_virtual_time_takes_away_what_an_earlier_one_has_left(tmp_path: Path) -> None:
    path = tmp_path / "drive.blf"
    beside(path).write_text("of an earlier one")
    with Bench.open(LAMP) as bench, Recorder(bench, path):
        assert not beside(path).exists()
        bench.wait(10 * ms)
    assert checked(path, LAMP).verdict is not Verdict.ERROR


def test_a_recording_that_is_closed_says_no_more(scripted: Scripted, tmp_path: Path) -> None:
    unused: Any = []
    recorder = Recorder(scripted.bench, tmp_path / "drive.blf")
    scripted.feed(unused, never)
    recorder.close()
    beside(tmp_path / "drive.blf").unlink()
    accounting = scripted.bench.world.accounting
    assert accounting is not None
    accounting.acting.note(END, 9 * MS)
    recorder.close()
    assert not beside(tmp_path / "drive.blf").exists()
