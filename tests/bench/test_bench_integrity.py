"""What goes wrong beside an expectation: never lost, and never seen where nothing is wrong."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest

from harness import Plant, Role, every
from harness.bench import Bench, BitFault, Blueprint, Silence, WrongCounter
from harness.ecu import Ecu
from harness.errors import ConfigError, HarnessError, SimulationError, WaitInCallbackError
from harness.frames import Frame
from harness.loop import Loop
from harness.units import Duration, ms, s, us

Act = Callable[[Bench], None]


class Reacting(Plant):
    """Reacts at once to a role that the test sets."""

    roles = (Role("temperature", "degC", 20.0), Role("lamp_failed", "", 0.0))

    def start(self, loop: Loop) -> None:
        super().start(loop)
        self.on_change("temperature", self.changed)

    def changed(self, value: float) -> None:
        if value == 99:
            self.loop.run_until(self.loop.now + 1)
        raise ZeroDivisionError("too hot")


class ForgetsHowToStart(Ecu):
    node = "LAMP"

    def start(self) -> None:
        self.nvm["starts"] = self.nvm.get("starts", 0) + 1
        if self.nvm["starts"] == 2:
            raise ZeroDivisionError("second start")


def break_sending(bench: Bench) -> None:
    def tamper(data: bytes, counter: int | None) -> bytes:
        raise ZeroDivisionError("in the sender")

    bench.world.tx("Switch").tamper = tamper
    bench.set("HazardSwitch", "On")


class WaitsInSecret(Ecu):
    node = "LAMP"

    @every(10 * ms)
    def wait(self) -> None:
        with contextlib.suppress(HarnessError):
            self.loop.run_until(self.loop.now + 1)


def power_cycle(bench: Bench) -> None:
    bench.node("LAMP").power_off()
    bench.node("LAMP").power_on()


def set_hot(bench: Bench) -> None:
    bench.plant["temperature"] = 50


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (set_hot, "ZeroDivisionError: too hot"),
        (lambda bench: bench.node("LAMP").reset(), "ZeroDivisionError: second start"),
        (power_cycle, "ZeroDivisionError: second start"),
        (break_sending, "ZeroDivisionError: in the sender"),
    ],
    ids=["plant", "reset", "power", "sender"],
)
def test_what_breaks_at_the_tests_own_call_stops_the_world_too(
    lamp_blueprint: Blueprint, act: Act, message: str
) -> None:
    bench = Bench(lamp_blueprint, models={"LAMP": ForgetsHowToStart}, plant=Reacting)
    with pytest.raises(SimulationError, match=message):
        act(bench)
    with pytest.raises(SimulationError, match=message):
        bench.wait(1 * ms)
    with pytest.raises(SimulationError, match=message):
        bench.check()


def test_a_watcher_of_the_plant_may_not_wait(lamp_blueprint: Blueprint) -> None:
    bench = Bench(lamp_blueprint, plant=Reacting)
    with pytest.raises(WaitInCallbackError, match="only the test may wait"):
        bench.plant["temperature"] = 99


def test_a_wrong_value_for_the_plant_stops_nothing(lamp: Bench) -> None:
    for wrong in (500.0, "hot", None, float("nan")):
        with pytest.raises(HarnessError, match="temperature"):
            lamp.plant["temperature"] = wrong  # type: ignore[assignment]
    lamp.wait(1 * ms)


def test_a_model_that_waits_and_hides_it_is_red(lamp_blueprint: Blueprint) -> None:
    with (
        pytest.raises(WaitInCallbackError, match=r"WaitsInSecret\.wait tried to wait"),
        Bench(lamp_blueprint, models={"LAMP": WaitsInSecret}) as bench,
    ):
        bench.wait(15 * ms)


def test_what_is_no_exception_stops_the_world_too(lamp: Bench) -> None:
    def quit_silently() -> None:
        raise SystemExit(0)

    lamp.world.loop.after(5, quit_silently)
    with pytest.raises(SystemExit):
        lamp.wait(1 * ms)
    with pytest.raises(SimulationError, match=r"quit_silently.*SystemExit"):
        lamp.check()
    lamp.world.loop.failure = None


@pytest.mark.parametrize(
    ("models", "message"),
    [
        ({"LMAP": WaitsInSecret}, "no node 'LMAP'; did you mean 'LAMP'"),
        ({"PEDAL": WaitsInSecret}, "PEDAL is absent on bench 'lamp', so it has no model"),
        ({"LAMP": "lamp_model:Lamp"}, "LAMP takes a class derived from Ecu, not 'lamp_model:Lamp'"),
        ({"LAMP": Plant}, "LAMP takes a class derived from Ecu"),
    ],
)
def test_a_replacement_that_replaces_nothing_is_refused(
    lamp_blueprint: Blueprint, models: dict[str, type[Ecu]], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        Bench(lamp_blueprint, models=models)


# -- no false alarms ---------------------------------------------------------------------------------------------------


def restart(bench: Bench) -> None:
    bench.node("PEDAL").power_off()
    bench.wait(3 * ms)
    bench.node("PEDAL").power_on()


@pytest.mark.parametrize("act", [lambda bench: bench.node("PEDAL").reset(), restart], ids=["reset", "power"])
def test_a_sender_may_restart_at_any_instant(lamp_blueprint: Blueprint, act: Act) -> None:
    for step in range(0, 200, 4):  # 160 µs of frame, then silence
        with Bench(lamp_blueprint) as bench:
            bench.set("BrakePedal", 40)
            bench.expect(bench.signal("BrakePedal").received(), within=20 * ms)
            bench.wait(Duration(10_000_000 - 180_000 + step * 1_000))
            act(bench)
            bench.wait(50 * ms)
            assert bench.signal("BrakePedal").value == 40
            # Nothing is excused for longer than the restart.
            assert bench.incidents.raised == []
            bench.world.tx("Pedals").counter += 1
            with pytest.raises(HarnessError, match="has the counter"):
                bench.wait(20 * ms)
            bench.incidents.raised.clear()
            bench.world.loop.failure = None


def test_and_again_in_the_last_bits_of_its_first_frame(lamp_blueprint: Blueprint) -> None:
    for early in range(0, 24, 2):
        with Bench(lamp_blueprint) as bench:
            bench.wait(100 * ms)
            bench.node("PEDAL").reset()
            first = bench.expect(bench.signal("BrakePedal").received(), within=20 * ms).latency
        with Bench(lamp_blueprint) as bench:
            bench.wait(100 * ms)
            bench.node("PEDAL").reset()
            bench.wait(first - early * us)
            bench.node("PEDAL").reset()
            bench.wait(50 * ms)


SLOW = """[cycle]
Pedals = "1 s"
"""


@pytest.fixture(scope="module")
def slow_blueprint(lamp_blueprint: Blueprint, tmp_path_factory: pytest.TempPathFactory) -> Blueprint:
    folder = tmp_path_factory.mktemp("slow")
    file = lamp_blueprint.file.path
    for name in ("lamp.dbc", "lamp_model.py"):
        (folder / name).write_bytes((file.parent / name).read_bytes())
    (folder / "slow.toml").write_text(file.read_text().replace('models = "."', "") + SLOW)
    return Blueprint.load(folder / "slow.toml")


@pytest.mark.parametrize(
    ("disturbance", "lasts"),
    [(lambda: WrongCounter("Pedals", count=1), 1001 * ms), (lambda: Silence("Pedals"), 2300 * ms)],
    ids=["counter", "silence"],
)
def test_a_disturbance_explains_the_next_frame_however_late_it_comes(
    slow_blueprint: Blueprint, disturbance: Callable[[], Silence], lasts: Duration
) -> None:
    with Bench(slow_blueprint) as bench:
        bench.wait(1100 * ms)
        with bench.disturb(disturbance()):
            bench.wait(lasts)
        bench.wait(3 * s)


@pytest.mark.parametrize(
    "disturbance",
    [lambda: WrongCounter("Pedals", count=1), lambda: Silence("Pedals"), lambda: BitFault("Pedals", count=2)],
    ids=["counter", "silence", "bit fault"],
)
def test_and_no_later_one(lamp: Bench, disturbance: Callable[[], Silence]) -> None:
    lamp.wait(100 * ms)
    with lamp.disturb(disturbance()):
        lamp.wait(12 * ms)
    lamp.wait(25 * ms)
    lamp.world.tx("Pedals").counter += 1
    with pytest.raises(HarnessError, match="has the counter"):
        lamp.wait(20 * ms)
    lamp.incidents.raised.clear()
    lamp.world.loop.failure = None


def test_an_unknown_frame_stays_an_incident_while_others_are_disturbed(lamp: Bench) -> None:
    lamp.wait(100 * ms + 3 * us)
    with pytest.raises(HarnessError, match="0x7AB"), lamp.disturb(Silence("Pedals")):
        lamp.send("can", Frame(0x7AB))
        lamp.wait(50 * ms)
    lamp.incidents.raised.clear()
    lamp.world.loop.failure = None
