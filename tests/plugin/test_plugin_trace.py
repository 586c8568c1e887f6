"""``--trace RECORDING``: tests that only watch run over a recording, those that act are skipped."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from plugin_project import Outcome, Project

pytest.importorskip("numpy")

from harness import bus_contract
from harness.bench import Bench, Blueprint
from harness.bench.recorded import Recording
from harness.bench.recorder import Recorder
from harness.errors import Inconclusive, IntegrityError, LogError, StimulatesRecording
from harness.frames import ErrorFrame, Frame, Received
from harness.logs.writing import write_seen
from harness.units import ms, ns, percent, s

LAMP = Path(__file__).parents[1] / "bench" / "data" / "lamp.toml"


@pytest.fixture(scope="module")
def drive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds; the pedal is pressed at 1 s."""
    path = tmp_path_factory.mktemp("drive") / "drive.blf"
    with Bench.open(LAMP) as bench, Recorder(bench, path):
        bench.wait(1 * s)
        bench.set("BrakePedal", 40 * percent)
        bench.wait(1 * s)
    return path


def played(path: Path, **options: str) -> Bench:
    return Bench(Blueprint.load(LAMP), recording=Recording(path, **options))  # type: ignore[arg-type]


# -- the world --------------------------------------------------------------------------------------------------------


def test_time_is_the_recordings(drive: Path) -> None:
    bench = played(drive)
    result = bench.wait_until(bench.signal("BrakeLamp") == "On", timeout=2 * s)
    assert 1_030 <= result.time / 1e6 <= 1_060
    assert bench.signal("BrakePedal").value == 40
    assert len(bench.traffic("Pedals").frames) == pytest.approx(104, abs=3)


def test_the_load_is_that_of_the_same_frames(drive: Path) -> None:
    bench, live = played(drive), Bench.open(LAMP)
    for each in (bench, live):
        each.wait(900 * ms)
    assert bench.load("can", 500 * ms) == pytest.approx(live.load("can", 500 * ms), rel=0.02)
    assert bench.peak_load("can", 100 * ms, 100 * ms) > 0.01


def test_waiting_beyond_the_end_is_inconclusive(drive: Path) -> None:
    bench = played(drive)
    with pytest.raises(Inconclusive, match=r"drive\.blf ends at 2 s"):
        bench.wait(3 * s)
    with pytest.raises(Inconclusive):
        bench.wait(1 * ms)


def test_a_recording_lasts_until_the_recorder_stopped_listening(tmp_path: Path) -> None:
    for form in ("blf", "asc"):
        with Bench.open(LAMP) as bench, Recorder(bench, tmp_path / f"a.{form}"):
            bench.wait(1_000_000_003 * ns)
        bench = played(tmp_path / f"a.{form}")
        bench.wait(1_000_000_003 * ns)
        with pytest.raises(Inconclusive, match=r"ends at 1\.000000003 s"):
            bench.wait(1 * ns)


def test_without_such_a_note_it_ends_with_its_last_frame(tmp_path: Path) -> None:
    bench = played(write(tmp_path / "a.asc", [lamp(1), lamp(2)]))
    bench.wait(2 * ms)
    with pytest.raises(Inconclusive, match=r"ends at 2 ms"):
        bench.wait(1 * ns)


@pytest.mark.parametrize(
    "act",
    [
        lambda bench: bench.set("BrakePedal", 10),
        lambda bench: bench.signal("BrakePedal").set(10),
        lambda bench: bench.send("can", Frame(0x123)),
        lambda bench: bench.plant.__setitem__("temperature", 3),
        lambda bench: bench.plant["temperature"],
        lambda bench: bench.node("LAMP").reset(),
        lambda bench: bench.node("LAMP").power_off(),
        lambda bench: bench.node("LAMP").error_state("can"),
    ],
)
def test_whoever_acts_is_told_so(drive: Path, act) -> None:  # type: ignore[no-untyped-def]
    bench = played(drive)
    bench.wait(10 * ms)
    with pytest.raises(StimulatesRecording, match=r"recording drive\.blf, which can only be watched"):
        act(bench)
    with pytest.raises(StimulatesRecording):
        bench.wait(1 * ms)


def write(path: Path, seen: list[Received | ErrorFrame], channels: tuple[str, ...] = ("can",)) -> Path:
    write_seen(path, seen, list(channels))
    return path


def lamp(time_ms: int, data: bytes = b"\x01\x00", channel: str = "can") -> Received:
    return Received(time_ms * 1_000_000, channel, Frame(300, data))


def test_odd_frames_are_red_for_messages_that_the_test_uses(tmp_path: Path) -> None:
    path = write(tmp_path / "odd.asc", [lamp(1), lamp(2, b"\x01"), lamp(3), lamp(4)])
    bench = played(path)
    bench.wait(3 * ms)
    assert len(bench.incidents.collected) == 1, "nobody looks at the message"
    bench = played(path)
    bench.signal("Level")
    with pytest.raises(IntegrityError, match="has 2 bytes, the frame has 1"):
        bench.wait(3 * ms)
    bench = played(path)
    bench.signal("Level")
    bench.set_policy(undecodable="ignore")
    bench.wait(3 * ms)
    assert bench.incidents.collected == []


def test_unknown_frames_are_collected_unless_the_test_says_otherwise(tmp_path: Path) -> None:
    path = write(tmp_path / "strange.asc", [lamp(1), Received(2_000_000, "can", Frame(0x7AB)), lamp(3)])
    bench = played(path)
    bench.wait(3 * ms)
    assert "0x7AB" in bench.incidents.collected[0]
    bench = played(path)
    bench.set_policy(unknown_frame="fail")
    with pytest.raises(IntegrityError, match="0x7AB"):
        bench.wait(3 * ms)


@pytest.mark.parametrize(
    ("data", "key", "text"),
    [(b"\x01", 0x12C, "length of Lamps"), (b"", 0x7AB, "known frames")],
)
def test_what_a_watched_contract_finds_is_red_whatever_else_the_test_uses(
    tmp_path: Path, data: bytes, key: int, text: str
) -> None:
    odd = lamp(45, data)
    odd = odd._replace(frame=odd.frame._replace(id=key))
    frames = [lamp(time) for time in range(0, 200, 20)]
    bench = played(write(tmp_path / "a.asc", sorted([*frames, odd], key=lambda each: each.time)))
    with (
        pytest.raises(IntegrityError, match=text),
        bench.watch(bus_contract(without=["cycle", "silence"])),
    ):
        bench.wait(150 * ms)
    assert bench.now == 45 * ms


def test_error_frames_are_seen(tmp_path: Path) -> None:
    path = write(tmp_path / "errors.asc", [lamp(1), ErrorFrame(2_000_000, "can", "", Frame(0)), lamp(3)])
    bench = played(path)
    bench.wait(3 * ms)
    assert len(bench.world.channel("can").network.trace.errors) == 1


def test_an_empty_recording_ends_at_once(tmp_path: Path) -> None:
    bench = played(write(tmp_path / "none.asc", []))
    with pytest.raises(Inconclusive, match="ends at 0 s"):
        bench.wait(1 * ms)


def test_channels_that_do_not_match(tmp_path: Path) -> None:
    path = write(tmp_path / "two.asc", [lamp(1, channel="other"), lamp(2, channel="can")], ("other", "can"))
    assert played(path, channels={"can": "2"}).world.recording is not None  # type: ignore[arg-type]
    with pytest.raises(LogError, match="no channel '7'"):
        played(path, channels={"can": "7"})  # type: ignore[arg-type]


@pytest.mark.parametrize("damaged, error", [("inconclusive", Inconclusive), ("fail", IntegrityError), ("ignore", None)])
def test_damage_counts_for_whoever_watched_it(
    drive: Path, tmp_path: Path, damaged: str, error: type[Exception] | None
) -> None:
    cut = tmp_path / "cut.blf"
    cut.write_bytes(drive.read_bytes()[:-300])
    bench = played(cut, damaged=damaged)
    bench.wait(100 * ms)
    if error is None:
        bench.check()
        assert any("damaged at byte" in event.title for event in bench.journal)
    else:
        with pytest.raises(error, match="damaged at byte"):
            bench.check()


# -- the plugin -------------------------------------------------------------------------------------------------------

SUITE = '''
def test_watches(bench):
    """Only looks."""
    bench.wait_until(bench.signal("BrakeLamp") == "On", timeout=1500 * ms)
    bench.stays(bench.signal("BrakeLamp") == "On", during=500 * ms)

def test_watches_and_fails(bench):
    bench.wait(1500 * ms)
    bench.expect(bench.signal("BrakeLamp") == "Off", within=50 * ms)

def test_acts(bench):
    bench.wait(100 * ms)
    bench.set("BrakePedal", 40 * percent)
    assert False, "not reached"

def test_acts_and_hides_it(bench):
    try:
        bench.set("BrakePedal", 40 * percent)
    except Exception:
        pass

@pytest.fixture
def pressed(bench):
    bench.set("BrakePedal", 40 * percent)
    return bench

def test_acts_in_a_fixture(pressed):
    pass

def test_waits_too_long(bench):
    bench.wait(10 * s)

@settings(max_examples=5)
@given(st.integers(1, 9))
def test_property_watches(open_bench, tenths):
    with open_bench() as bench:
        bench.wait(tenths * 100 * ms)
        bench.never(bench.signal("BrakeLamp") == "On", during=20 * ms)

@given(st.integers(1, 9))
def test_property_acts(open_bench, value):
    with open_bench() as bench:
        bench.set("BrakePedal", value)

def test_violates_first(bench):
    bench.wait(1200 * ms)
    bench.stays(bench.signal("BrakeLamp") == "Off", during=50 * ms)
    bench.set("BrakePedal", 0)
'''


@pytest.fixture(scope="module")
def outcome(make_project, drive: Path) -> Outcome:  # type: ignore[no-untyped-def]
    project = make_project()
    project.suite(SUITE)
    (project.folder / "drive.blf").write_bytes(drive.read_bytes())
    found: Outcome = project.run("suites", "--trace", "drive.blf", allure=True)
    return found


def test_tests_that_watch_are_judged(outcome: Outcome) -> None:
    status = {name: each["status"] for name, each in outcome.results.items()}
    assert status == {
        "test_watches": "passed",
        "test_watches_and_fails": "failed",
        "test_acts": "skipped",
        "test_acts_and_hides_it": "skipped",
        "test_acts_in_a_fixture": "skipped",
        "test_waits_too_long": "broken",
        "test_property_watches": "passed",
        "test_property_acts": "skipped",
        "test_violates_first": "failed",
    }
    assert outcome.code == 1


def test_the_first_stimulus_is_the_reason_of_a_skip(outcome: Outcome) -> None:
    skipped = outcome.junit["test_acts"].find("skipped")
    assert skipped is not None and "set BrakePedal: the world is the recording drive.blf" in skipped.attrib["message"]
    assert not outcome.junit["test_acts_in_a_fixture"].findall("error")


def test_the_end_of_the_recording_is_named(outcome: Outcome) -> None:
    message = outcome.results["test_waits_too_long"]["statusDetails"]["message"]
    assert message.startswith("INCONCLUSIVE: the recording drive.blf ends at 2 s")


def test_the_evidence_names_the_recording(outcome: Outcome) -> None:
    result = outcome.results["test_watches"]
    assert {"name": "world", "value": "recording"} in result["labels"]
    environment = (outcome.folder / "results" / "environment.properties").read_text()
    assert "world = recording" in environment and "recording\\ drive.blf = sha256" in environment
    assert "--trace" in str(result)


@pytest.fixture
def with_drive(project: Project, drive: Path) -> Project:
    project.suite(
        "def test_watches(bench):\n    bench.wait(1 * s)\n    assert bench.signal('Level').value is not None\n"
    )
    (project.folder / "drive.blf").write_bytes(drive.read_bytes())
    return project


@pytest.mark.parametrize(
    "arguments", [("--trace", "drive.blf"), ("--trace-file=drive.blf",), ("--trace-file", "drive.blf", "suites")]
)
def test_the_recording_may_stand_anywhere(with_drive: Project, arguments: tuple[str, ...]) -> None:
    outcome = with_drive.run(*arguments)
    assert outcome.code == 0 and "1 passed" in outcome.out


@pytest.mark.parametrize(
    "arguments, text",
    [
        (("suites", "--trace", "drvie.blf"), "drvie.blf: there is no such file; did you mean 'drive.blf'?"),
        (("suites", "--trace", "drive.blf", "more.blf"), "--trace takes one recording, not 2"),
        (("suites", "--trace", "drive.blf", "--channel", "can"), "--channel can: write NAME=RECORDED"),
    ],
)
def test_what_cannot_be_is_said_at_once(with_drive: Project, arguments: tuple[str, ...], text: str) -> None:
    outcome = with_drive.run(*arguments)
    assert outcome.code == 4 and text in outcome.flat


def test_a_channel_that_is_not_there(with_drive: Project) -> None:
    outcome = with_drive.run("suites", "--trace", "drive.blf", "--channel", "can=9")
    assert outcome.code == 1 and "the recording has no channel '9'" in outcome.flat


def test_what_is_no_recording(with_drive: Project) -> None:
    (with_drive.folder / "text.blf").write_text("This is no recording.\n")
    outcome = with_drive.run("suites", "--trace", "text.blf")
    assert outcome.code == 1 and "text.blf" in outcome.flat and "LogError" in outcome.flat


# -- recordings of a real bench ---------------------------------------------------------------------------------------

WATCHES = """
def test_contract(bench):
    with bench.watch(bus_contract(without=["silence", "load"])):
        bench.wait(1900 * ms)

def test_property(bench):
    with bench.watch("always(Level < 30 * percent)"):
        bench.wait(1900 * ms)

def test_span(bench):
    bench.wait(1900 * ms)
    assert max(bench.traffic("Lamps").gaps) <= 25 * ms

def test_counter(bench):
    bench.wait(1900 * ms)
    assert len(bench.traffic("Lamps").frames) == 5
"""


@pytest.mark.parametrize(
    ("late_ms", "verdicts"),
    [
        (None, ["failed", "failed", "failed", "failed"]),
        (8, ["inconclusive", "failed", "inconclusive", "failed"]),
        (30, ["inconclusive"] * 4),
    ],
)
def test_the_recording_of_a_bench_is_as_exact_as_that_was(
    project: Project, drive: Path, late_ms: int | None, verdicts: list[str]
) -> None:
    from harness.logs.exactness import Exactness, Late, beside, text_of
    from harness.logs.reading import open_log

    seen = list(open_log(drive, channels={"can": "1"}).frames())
    late = next(each for each in seen if each.frame.id == 300 and each.time > 500_000_000)
    moved = [each._replace(time=each.time + 7_000_000 * (each is late)) for each in seen]
    path = write(project.folder / "drive.blf", sorted(moved, key=lambda each: each.time))
    if late_ms is not None:
        steps = [Late("channel", "can", at * 1_000_000, worst * 1_000_000) for at, worst in ((480, late_ms), (560, 0))]
        beside(path).write_text(text_of(Exactness({"can": 50_000}, late=tuple(steps))))
    project.suite(WATCHES)
    outcome = project.run("suites", "--trace", "drive.blf", "--evidence", "evidence.json")
    tests = json.loads((project.folder / "evidence.json").read_text())["tests"]
    found = {each["node"].partition("::")[2]: each["verdict"] for each in tests}
    names = ("test_contract", "test_property", "test_span", "test_counter")
    assert found == dict(zip(names, verdicts, strict=True)), outcome.out


def test_a_damaged_file_beside_a_recording_is_named(with_drive: Project) -> None:
    (with_drive.folder / "drive.blf.exactness").write_text("nonsense\n")
    outcome = with_drive.run("suites", "--trace", "drive.blf")
    assert outcome.code == 1 and "drive.blf.exactness, which says how exactly drive.blf was measured" in outcome.flat
