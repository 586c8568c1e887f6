"""Watching on a bench: red at the instant of a violation that nothing explains which the test does on purpose."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest

from harness import bus_contract
from harness.bench import Bench, BitFault, Blueprint, Silence, UnknownFrame, WrongCounter, WrongCrc, WrongLength
from harness.ecu import Ecu
from harness.errors import (
    BenchFileError,
    FormulaError,
    HarnessError,
    Inconclusive,
    IntegrityError,
    MonitorViolation,
    SignalError,
)
from harness.evidence.events import Event
from harness.evidence.verdicts import Verdict
from harness.frames import Frame
from harness.temporal.operators import always, eventually
from harness.units import ms, s

DATA = Path(__file__).parent / "data"


class Stumbling(Ecu):
    """Sends its cyclic message, leaves some frames out, and goes on."""

    node = "LAMP"

    def start(self) -> None:
        self.set(BrakeLamp="Off", Level=0)
        self.after(105 * ms, self.tx("Lamps").stop)
        self.after(155 * ms, self.tx("Lamps").start)


class Dead(Ecu):
    """Sends for a while, and never again, not even after a reset."""

    node = "LAMP"

    def start(self) -> None:
        if self.nvm.setdefault("lives", 1):
            self.set(BrakeLamp="Off", Level=0)
            self.after(105 * ms, self.die)
        else:
            self.network.sleep()
            self.tx("Lamps").stop()

    def die(self) -> None:
        self.nvm["lives"] = 0


@pytest.fixture
def stumbling(lamp_blueprint: Blueprint) -> Bench:
    return Bench(lamp_blueprint, models={"LAMP": Stumbling})


@pytest.fixture
def loose(lamp_blueprint: Blueprint) -> Bench:
    """A right lamp, in a world that nobody checks at the end."""
    return Bench(lamp_blueprint)


def outcome_of(bench: Bench, part: str) -> Event:
    return next(event for event in reversed(bench.journal) if event.kind != "incident" and part in event.title)


# -- violations --------------------------------------------------------------------------------------------------------


def test_a_right_bus_keeps_its_contract(lamp: Bench) -> None:
    with lamp.watch(bus_contract()):
        lamp.set("BrakePedal", 40)
        lamp.wait(2 * s)
    event = outcome_of(lamp, "cycle times")
    assert event.verdict is Verdict.PASSED
    assert "2 of 2 judged" in event.title
    assert dict(event.details)["cycle time of Pedals"].startswith("mean 10 ms, sigma ")
    assert outcome_of(lamp, "E2E protection").details[0][1].endswith("state VALID")


def test_a_violation_is_red_at_its_instant(stumbling: Bench) -> None:
    with (
        pytest.raises(IntegrityError, match=r"cycle time of Lamps: expected every 20 ms.*no frame for 22 ms") as caught,
        stumbling.watch(bus_contract()),
    ):
        stumbling.wait(1 * s)
    last = max(rx.time for rx in stumbling.traffic("Lamps").frames)
    assert stumbling.now == last + 22 * ms
    assert stumbling.incidents.raised == [caught.value]
    incident = next(event for event in stumbling.journal if event.kind == "incident")
    assert incident.time == stumbling.now
    assert incident.claim is not None
    assert incident.claim.window == (last, last + 22 * ms)
    assert outcome_of(stumbling, "cycle times").verdict is Verdict.FAILED


def test_a_swallowed_violation_is_not_lost(stumbling: Bench) -> None:
    with contextlib.suppress(HarnessError), stumbling.watch(bus_contract()):
        stumbling.wait(1 * s)
    with pytest.raises(IntegrityError, match="cycle time of Lamps"):
        stumbling.__exit__(None, None, None)


def test_nothing_is_watched_after_the_block(stumbling: Bench) -> None:
    with stumbling.watch(bus_contract()):
        stumbling.wait(100 * ms)
    stumbling.wait(1 * s)
    stumbling.check()


def test_watching_may_begin_at_any_time(lamp: Bench) -> None:
    lamp.wait(123.4 * ms)
    for _ in range(3):
        with lamp.watch(bus_contract()):
            lamp.wait(77 * ms)


def test_collected_and_ignored_violations(stumbling: Bench) -> None:
    stumbling.set_policy(cycle="collect")
    with stumbling.watch(bus_contract()):
        stumbling.wait(1 * s)
    (line,) = stumbling.incidents.collected
    assert "no frame for 22 ms" in line
    assert "1 violations" in outcome_of(stumbling, "cycle times").title
    stumbling.check()


def test_ignored_kinds(stumbling: Bench) -> None:
    with stumbling.watch(bus_contract(without=["cycle"])):
        stumbling.wait(1 * s)
    with pytest.raises(BenchFileError, match="cycles"):
        stumbling.set_policy(cycles="ignore")


# -- explained ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "disturbance",
    [
        lambda: Silence("Lamps"),
        lambda: Silence("Pedals", count=5),
        lambda: WrongCrc("Pedals", count=3),
        lambda: WrongCounter("Pedals", count=3),
        lambda: WrongLength("Pedals", 7, count=2),
        lambda: WrongLength("Pedals", 1, count=2),
        lambda: UnknownFrame("can", Frame(0x7, bytes(8)), period=5 * ms),
        lambda: BitFault("LAMP", count=40),
        lambda: BitFault("Pedals", count=3),
    ],
)
def test_disturbances_explain_their_consequences(lamp: Bench, disturbance: object) -> None:
    with lamp.watch(bus_contract()):
        lamp.wait(100 * ms)
        with lamp.disturb(disturbance()):  # type: ignore[operator]
            lamp.wait(300 * ms)
        lamp.wait(500 * ms)


def test_a_disturbance_explains_nothing_else(stumbling: Bench) -> None:
    with stumbling.watch(bus_contract()):
        stumbling.wait(90 * ms)
        with pytest.raises(IntegrityError, match="cycle time of Lamps"), stumbling.disturb(Silence("Pedals")):
            stumbling.wait(100 * ms)


def test_a_wrong_checksum_does_not_explain_a_missing_frame(stumbling: Bench) -> None:
    contract = bus_contract(without=["crc", "counter", "e2e"])
    with (
        stumbling.watch(contract),
        pytest.raises(IntegrityError, match="cycle time of Lamps"),
        stumbling.disturb(WrongCrc("Pedals")),
    ):
        stumbling.wait(200 * ms)


@pytest.mark.parametrize("node", ["LAMP", "PEDAL"])
def test_switched_nodes_are_explained(lamp: Bench, node: str) -> None:
    with lamp.watch(bus_contract()):
        lamp.wait(95 * ms)
        lamp.node(node).reset()
        lamp.wait(105 * ms)
        lamp.node(node).power_off()
        lamp.wait(1 * s)
        lamp.node(node).power_on()
        lamp.wait(500 * ms)
    assert "explained" in outcome_of(lamp, "cycle times").title


def test_a_node_that_does_not_come_back_is_found(lamp_blueprint: Blueprint) -> None:
    bench = Bench(lamp_blueprint, models={"LAMP": Dead})
    with (
        pytest.raises(IntegrityError, match="cycle time of Lamps: expected first frame within"),
        bench.watch(bus_contract()),
    ):
        bench.wait(200 * ms)
        bench.node("LAMP").reset()
        bench.wait(1 * s)


def test_forced_values_are_explained(lamp: Bench) -> None:
    with lamp.watch(bus_contract()):
        lamp.set("BrakePedal", 120, force=True)
        lamp.wait(100 * ms)


def test_values_out_of_range_are_not(loose: Bench) -> None:
    tx = loose.world.tx("Pedals")
    with (
        pytest.raises(IntegrityError, match=r"range of Pedals.BrakePedal: expected 0 to 100 %, but 120 %"),
        loose.watch(bus_contract()),
    ):
        tx.set({"BrakePedal": 120}, force=True)
        loose.wait(100 * ms)


def test_what_the_guard_collects_is_collected_once(lamp: Bench) -> None:
    lamp.set_policy(unknown_frame="collect")
    with lamp.watch(bus_contract()):
        lamp.send("can", Frame(0x7FF))
        lamp.wait(100 * ms)
    assert len(lamp.incidents.collected) == 1


# -- formulas ----------------------------------------------------------------------------------------------------------


def test_a_formula_that_holds(lamp: Bench) -> None:
    pressed, lit = lamp.signal("BrakePedal") > 3, lamp.signal("BrakeLamp") == "On"
    with lamp.watch(always(pressed >> eventually(lit, within=60 * ms))):
        lamp.set("BrakePedal", 40)
        lamp.wait(500 * ms)
    event = outcome_of(lamp, "watch always")
    assert event.verdict is Verdict.PASSED
    assert "margin" in event.title


def test_a_formula_that_is_violated(loose: Bench) -> None:
    with (
        pytest.raises(MonitorViolation, match="within") as caught,
        loose.watch("always((BrakePedal > 3) >> eventually(BrakeLamp == 'On', within=10 * ms))"),
    ):
        loose.set("BrakePedal", 40)
        loose.wait(500 * ms)
    violation = caught.value.violation
    assert violation is not None
    assert loose.now == violation.time == violation.start + 10 * ms  # type: ignore[attr-defined]
    assert outcome_of(loose, "watch always").verdict is Verdict.FAILED


def test_a_text_with_an_unknown_signal(loose: Bench) -> None:
    with pytest.raises((FormulaError, SignalError), match="BrakePedal"), loose.watch("BrakePedel > 3"):
        pass


@pytest.mark.parametrize(
    ("call", "forget"),
    [
        ("watch", lambda bench: bench.watch("always(Level < 5)")),
        ("disturb", lambda bench: bench.disturb(Silence("LAMP"))),
    ],
)
def test_a_forgotten_with_is_not_lost(lamp_blueprint: Blueprint, call: str, forget: Callable[[Bench], object]) -> None:
    with pytest.raises(SignalError, match=rf"bench\.{call}\(\.\.\.\) did nothing: write with"):  # noqa: SIM117
        with Bench(lamp_blueprint) as bench:
            forget(bench)
            bench.wait(200 * ms)


def test_watching_nothing_is_told(lamp: Bench) -> None:
    with pytest.raises(SignalError, match="nothing to watch"), lamp.watch(*[]):
        pass


def test_functions_and_lists(loose: Bench) -> None:
    def level(bench: Bench) -> list[object]:
        return [bench.signal("Level") <= 50, bus_contract()]

    with pytest.raises(MonitorViolation, match="Level"), loose.watch(level):
        loose.set("BrakePedal", 80)
        loose.wait(500 * ms)


def test_nothing_else_can_be_watched(lamp: Bench) -> None:
    with pytest.raises(SignalError, match="not 5"), lamp.watch(5):
        pass


def test_what_had_nothing_to_judge_is_inconclusive(loose: Bench) -> None:
    with pytest.raises(Inconclusive, match="nothing"), loose.watch(bus_contract()):
        pass
    with pytest.raises(Inconclusive), loose.watch("BrakePedal >= 0"):
        pass


# -- the whole run -----------------------------------------------------------------------------------------------------


def bench_with(tmp_path: Path, text: str) -> Path:
    for name in ("lamp.dbc", "lamp_model.py"):
        (tmp_path / name).write_bytes((DATA / name).read_bytes())
    (tmp_path / "lamp.toml").write_text((DATA / "lamp.toml").read_text() + text)
    return tmp_path / "lamp.toml"


def test_a_bench_file_may_watch_every_world(tmp_path: Path) -> None:
    path = bench_with(tmp_path, "[monitors]\ncontract = true\n")
    with (
        pytest.raises(IntegrityError, match="cycle time of Lamps"),
        Bench(Blueprint.load(path), models={"LAMP": Stumbling}) as bench,
    ):
        bench.wait(1 * s)
    with Bench.open(path) as bench:
        bench.wait(1 * s)
    assert outcome_of(bench, "cycle times").verdict is Verdict.PASSED


def test_properties_of_a_bench_file(tmp_path: Path) -> None:
    (tmp_path / "props.toml").write_text('[[property]]\nname = "low"\nformula = "Level < 10"\n')
    path = bench_with(tmp_path, '[monitors]\nproperties = "props.toml"\n')
    with pytest.raises(MonitorViolation, match="low"), Bench.open(path) as bench:
        bench.set("BrakePedal", 80)
        bench.wait(1 * s)


def test_tolerances_of_a_bench_file(tmp_path: Path) -> None:
    path = bench_with(tmp_path, '[monitors]\ncontract = true\n[monitors.cycle.Lamps]\nabsolute = "100 ms"\n')
    with Bench(Blueprint.load(path), models={"LAMP": Stumbling}) as bench:
        bench.wait(1 * s)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("contract = 1", "monitors.contract must be true or false"),
        ("lode = 0.5", "did you mean 'load'"),
        ('without = ["cycles"]', "did you mean 'cycle'"),
        ("relative = -1", "at least 0"),
        ("[monitors.cycle.Lamps]\nrelativ = 1", "did you mean 'relative'"),
        ("[monitors.e2e]\nmax_delta = 0", "max_delta must be at least 1"),
        ('[monitors.e2e.Pedals]\nmax_delta = "2"', "must be a whole number"),
        ('[monitors.routes]\n"can.Pedals" = { within = "5 ms" }', "needs the key 'to'"),
        ('[monitors.awake]\ncan = "Lamps"', "Message.Signal == Label"),
    ],
)
def test_wrong_tables(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(BenchFileError, match=message):
        Blueprint.load(bench_with(tmp_path, f"[monitors]\n{text}\n"))


def test_no_check_claims_to_have_passed_in_a_world_that_something_else_has_stopped(lamp_blueprint: Blueprint) -> None:
    bench = Bench(lamp_blueprint)
    with pytest.raises(IntegrityError), bench.watch(bus_contract()):
        bench.send("can", Frame(0x7AB))
        bench.wait(1 * s)
    told = [event for event in bench.journal if "bus contract, known frames" in event.title]
    assert [(event.kind, event.verdict) for event in told] == [("note", None)]
    assert "kept until the world was stopped" in told[0].title
