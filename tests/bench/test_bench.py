"""The façade: stimuli, names, nodes, worlds that do not know of each other."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.bench import Bench, Blueprint
from harness.bench.accounting import Accounting
from harness.errors import (
    BenchFileError,
    Blocked,
    BusError,
    ConfigError,
    HarnessError,
    HarnessWarning,
    SignalError,
    SimulationError,
    UnitError,
    UnknownSignalError,
    ValueRangeError,
    WaitInCallbackError,
)
from harness.frames import Frame
from harness.units import V, kmh, ms, percent, s

LAMP = Path(__file__).parent / "data" / "lamp.toml"


def test_set_takes_a_signal_a_message_or_a_mapping(lamp: Bench) -> None:
    pedal = lamp.signal("BrakePedal")
    for set_it, value in (
        (lambda: lamp.set("BrakePedal", 10 * percent), 10.0),
        (lambda: lamp.set("Pedals.BrakePedal", 20), 20.0),
        (lambda: lamp.set("can.Pedals.BrakePedal", 30.0), 30.0),
        (lambda: lamp.set("Pedals", BrakePedal=40), 40.0),
        (lambda: lamp.set({"BrakePedal": 50}), 50.0),
        (lambda: pedal.set(60 * percent), 60.0),
        (lambda: lamp.set(pedal, 70), 70.0),
    ):
        set_it()
        lamp.wait(20 * ms)
        assert pedal.value == value


def test_a_wait_ends_at_an_instant(lamp: Bench) -> None:
    lamp.wait(20 * ms)
    lamp.wait(until=50 * ms)
    lamp.wait(until=lamp.now)
    assert lamp.now == 50 * ms
    with pytest.raises(UnitError, match="wait until 49 ms: that is over, it is 50 ms already"):
        lamp.wait(until=49 * ms)
    with pytest.raises(TypeError, match="a span, or until="):
        lamp.wait(5 * ms, until=60 * ms)


def test_on_a_real_bench_an_instant_that_is_over_means_that_the_test_was_late(
    lamp: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounting = Accounting({"can": 0})
    lamp.wait(50 * ms)
    monkeypatch.setattr(lamp.world, "live", SimpleNamespace(accounting=accounting))
    assert lamp.world.instant(60 * 1_000_000) == 60 * ms
    assert lamp.world.instant(31 * 1_000_000) == 50 * ms
    assert accounting.worst(0, lamp.now) == 19 * ms


def test_an_unknown_name_fails_at_once_with_the_nearest(lamp: Bench) -> None:
    with pytest.raises(UnknownSignalError, match="no signal 'BrakePedel'; did you mean one of 'BrakePedal'"):
        lamp.signal("BrakePedel")
    with pytest.raises(UnknownSignalError, match="did you mean"):
        lamp.signal("Pedals.BrakePedl")
    with pytest.raises(UnknownSignalError, match="did you mean 'Pedals'"):
        lamp.silent("Pedalz", during=1 * ms)
    with pytest.raises(ConfigError, match="no node 'LAMB'; did you mean 'LAMP'"):
        lamp.node("LAMB")
    with pytest.raises(ConfigError, match="no channel 'cna'"):
        lamp.load("cna", 1 * s)


def test_a_value_out_of_range_raises_and_force_sends_as_far_as_the_bits_go(lamp: Bench) -> None:
    with pytest.raises(ValueRangeError, match="takes 0 to 100 %, not 101"):
        lamp.set("BrakePedal", 101)
    lamp.set("BrakePedal", 101, force=True)
    lamp.wait(20 * ms)
    assert lamp.signal("BrakePedal").value == 101
    lamp.set("BrakePedal", 5000, force=True)
    lamp.wait(20 * ms)
    assert lamp.signal("BrakePedal").value == 127.5


@pytest.mark.parametrize("value", [None, [1], object(), "pressed", 5 * V, 3 * kmh])
def test_a_wrong_type_or_unit_is_refused(lamp: Bench, value: object) -> None:
    with pytest.raises((SignalError, ValueError)):
        lamp.set("BrakePedal", value)  # type: ignore[arg-type]


def test_only_what_absent_nodes_send_can_be_set(lamp: Bench) -> None:
    with pytest.raises(SignalError, match="Lamps is sent by LAMP, which is simulated"):
        lamp.set("BrakeLamp", "On")


def test_counter_and_checksum_cannot_be_set(lamp: Bench) -> None:
    with pytest.raises(SignalError):
        lamp.set("PedalsCrc", 3)


def test_a_plant_role_that_is_missing_blocks(lamp: Bench) -> None:
    with pytest.raises(Blocked, match="no role 'temprature'; did you mean 'temperature'"):
        lamp.plant["temprature"] = 3.0
    with pytest.raises(Blocked):
        lamp.plant["pressure"]
    with pytest.raises(ValueRangeError, match="takes -40"):
        lamp.plant["temperature"] = 500.0


@pytest.mark.parametrize("frame", [b"\x01", Frame(160, "x"), Frame(160, bytearray(4)), Frame(160, [1])])  # type: ignore[arg-type]
def test_raw_frames_are_of_the_right_type(lamp: Bench, frame: Frame) -> None:
    with pytest.raises(BusError, match=r"takes a Frame|data are bytes"):
        lamp.send("can", frame)


def test_raw_frames_are_checked(lamp: Bench) -> None:
    with pytest.raises(BusError, match="channel is classic"):
        lamp.send("can", Frame(0x123, bytes(8), fd=True))


def test_an_exception_in_a_model_is_red_at_that_instant_and_stays_red(lamp_blueprint: Blueprint) -> None:
    with pytest.raises(SimulationError, match="RuntimeError: hazard is not wired"), Bench(lamp_blueprint) as bench:
        bench.wait(10 * ms)
        with pytest.raises(SimulationError, match="hazard is not wired"):
            bench.set("HazardSwitch", "On")
            bench.wait(1 * s)
        assert bench.now < 11 * ms


def test_swallowing_an_incident_does_not_help(lamp_blueprint: Blueprint) -> None:
    with pytest.raises(SimulationError, match="hazard is not wired"), Bench(lamp_blueprint) as bench:
        bench.set("HazardSwitch", "On")
        with contextlib.suppress(SimulationError):
            bench.wait(1 * s)


def test_a_model_that_waits_is_told(lamp_blueprint: Blueprint) -> None:
    bench = Bench(lamp_blueprint)
    bench.world.loop.after(5, lambda: bench.wait(1 * ms))
    with pytest.raises(WaitInCallbackError, match="only the test may wait"):
        bench.wait(1 * s)


def test_two_worlds_do_not_know_of_each_other(lamp_blueprint: Blueprint) -> None:
    with Bench(lamp_blueprint) as one, Bench(lamp_blueprint) as two:
        one.set("BrakePedal", 40)
        one.wait(100 * ms)
        two.wait(50 * ms)
        assert one.signal("BrakeLamp").text == "On"
        assert two.signal("BrakeLamp").text == "Off"


def scenario(bench: Bench) -> str:
    for value in (10, 0, 40, 3, 0):
        bench.set("BrakePedal", value)
        bench.wait(33 * ms)
    return bench.world.channels["can"].network.trace.sha256()


def test_the_same_seed_gives_the_same_bytes_a_hundred_times(lamp_blueprint: Blueprint) -> None:
    hashes = set()
    for _ in range(100):
        with Bench(lamp_blueprint) as bench:
            hashes.add(scenario(bench))
    assert len(hashes) == 1


def test_the_same_bytes_in_processes_with_other_hash_seeds() -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from test_bench import *\n"
        "with Bench.open(LAMP) as bench: print(scenario(bench))"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(printed) == 1


def test_reset_and_power(lamp: Bench) -> None:
    lamp.set("BrakePedal", 40)
    lamp.expect(lamp.signal("BrakeLamp") == "On", within=80 * ms)
    lamp.node("LAMP").reset()
    lamp.expect(lamp.signal("BrakeLamp").changes(to="Off"), within=20 * ms)
    lamp.node("LAMP").power_off()
    lamp.wait(5 * ms)
    lamp.silent("Lamps", during=1 * s)
    lamp.node("LAMP").power_on()
    lamp.expect(lamp.signal("BrakeLamp") == "On", within=200 * ms)


def test_the_database_of_a_missing_file(tmp_path: Path) -> None:
    text = LAMP.read_text().replace("lamp.dbc", "lampe.dbc")
    (tmp_path / "bench.toml").write_text(text)
    with pytest.raises(ConfigError, match=r"lampe\.dbc"):
        Blueprint.load(tmp_path / "bench.toml")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("lamp_model:Lamp", "lamp_modul:Lamp", "cannot import 'lamp_modul'"),
        ("lamp_model:Lamp", "lamp_model:Lapm", "'Lapm' does not exist; wanted is a class derived from Ecu"),
        ("lamp_model:Lamp", "lamp_model:Garage", "'Garage' is no class derived from Ecu"),
        ("[nodes.LAMP]", "[nodes.LAMB]", "no database has a node 'LAMB'"),
        ("[plant]", '[cycle]\nPedalz = "10 ms"\n[plant]', "names the message 'Pedalz'; did you mean 'Pedals'"),
        ('model = "lamp_model:Lamp"', 'state = "real"', "node 'LAMP' is real, but every channel here is simulated"),
    ],
)
def test_a_bench_that_names_what_is_not_there(tmp_path: Path, old: str, new: str, message: str) -> None:
    for name in ("lamp.dbc", "lamp_model.py"):
        (tmp_path / name).write_bytes((LAMP.parent / name).read_bytes())
    (tmp_path / "bench.toml").write_text(LAMP.read_text().replace(old, new))
    with pytest.raises(ConfigError) as caught, Bench.open(tmp_path / "bench.toml"):
        pass
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("class Lamp", "def (:\n\nclass Lamp", r"breaks when it is imported: SyntaxError: .*own_lamp.*, line \d+"),
        ("class Lamp", "1 / 0\n\n\nclass Lamp", "breaks when it is imported: ZeroDivisionError"),
        ("    roles = (", "    roles = (1, ", "the plant Garage cannot be built: AttributeError"),
    ],
)
def test_models_that_break(tmp_path: Path, old: str, new: str, message: str) -> None:
    name = f"own_lamp_{abs(hash(new))}"
    (tmp_path / "lamp.dbc").write_bytes((LAMP.parent / "lamp.dbc").read_bytes())
    (tmp_path / f"{name}.py").write_text((LAMP.parent / "lamp_model.py").read_text().replace(old, new))
    (tmp_path / "bench.toml").write_text(LAMP.read_text().replace("lamp_model", name))
    with pytest.raises(HarnessError, match=message):
        Bench.open(tmp_path / "bench.toml")


def test_a_module_of_the_same_name_from_another_folder_is_not_taken_for_it(lamp: Bench, tmp_path: Path) -> None:
    for name in ("lamp.dbc", "lamp_model.py", "lamp.toml"):
        (tmp_path / name).write_bytes((LAMP.parent / name).read_bytes())
    with Bench.open(tmp_path / "lamp.toml"):
        pass  # a copy does as well
    (tmp_path / "lamp_model.py").write_text("LAMP = 'another'")
    with pytest.raises(BenchFileError, match=r"there is a module 'lamp_model' already, .*; give it another name"):
        Bench.open(tmp_path / "lamp.toml")


TWO_CHANNELS = """
[channels.front]
database = "lamp.dbc"
[channels.rear]
database = "rear.dbc"
"""


def test_a_message_of_another_channel(tmp_path: Path) -> None:
    text = (LAMP.parent / "lamp.dbc").read_text()
    (tmp_path / "lamp.dbc").write_text(text)
    for word in ("Pedals", "BrakePedal", "Lamps", "BrakeLamp", "Hazard", "BO_ 400 Switch", "Level"):
        text = text.replace(word, f"{word}R" if " " in word else f"Rear{word}")
    (tmp_path / "rear.dbc").write_text(text)
    (tmp_path / "bench.toml").write_text(TWO_CHANNELS)
    with Bench.open(tmp_path / "bench.toml") as bench:
        for name in ("front.RearBrakePedal", "front.RearPedals.RearBrakePedal"):
            with pytest.raises(UnknownSignalError, match=r"channel 'front' has no signal .*; it is on rear"):
                bench.set(name, 3)
        with pytest.raises(UnknownSignalError, match=r"'front\.RearPedals'; did you mean .*'rear\.RearPedals'"):
            bench.traffic("front.RearPedals")


def test_two_nodes_that_claim_one_message(tmp_path: Path) -> None:
    text = (LAMP.parent / "lamp.dbc").read_text()
    (tmp_path / "lamp.dbc").write_text(text.replace("BA_DEF_ BO_", "BO_TX_BU_ 400 : PEDAL,LAMP;\n\nBA_DEF_ BO_", 1))
    (tmp_path / "lamp_model.py").write_bytes((LAMP.parent / "lamp_model.py").read_bytes())
    file = tmp_path / "bench.toml"
    file.write_text(LAMP.read_text() + '[nodes.PEDAL]\nmodel = "lamp_model:Lamp"\n')
    with pytest.raises(ConfigError, match="message 'Switch' is claimed by PEDAL and LAMP, but only one node"):
        Bench.open(file)
    file.write_text(LAMP.read_text())  # the one that is not absent sends it; its model takes the other for the sender
    with pytest.raises(UnknownSignalError, match="LAMP can receive no signal 'HazardSwitch'"):
        Bench.open(file)


def test_what_is_odd_in_a_database_is_said(tmp_path: Path) -> None:
    for name in ("lamp.dbc", "lamp.toml"):
        (tmp_path / name).write_bytes((LAMP.parent / name).read_bytes())
    text = (tmp_path / "lamp.dbc").read_text().replace("BO_ 400", "BO_ 300").replace("VAL_ 400", "VAL_ 300")
    (tmp_path / "lamp.dbc").write_text(text)
    (tmp_path / "lamp.toml").write_text('[channels.can]\ndatabase = "lamp.dbc"\n')
    with pytest.warns(HarnessWarning, match="messages Lamps and Switch: both have identifier 0x12C"):
        Blueprint.load(tmp_path / "lamp.toml")


def test_a_model_that_cannot_be_built_names_itself(lamp_blueprint: Blueprint) -> None:
    from harness.ecu import Ecu

    class Broken(Ecu):
        node = "LAMP"

        def start(self) -> None:
            raise ZeroDivisionError("no lamp")

    with pytest.raises(SimulationError, match=r"Broken.*ZeroDivisionError: no lamp"):
        Bench(lamp_blueprint, models={"LAMP": Broken})


def test_setting_several_messages_is_all_or_nothing(lamp: Bench) -> None:
    lamp.wait(100 * ms)
    with pytest.raises(ValueRangeError):
        lamp.set({"BrakePedal": 40, "HazardSwitch": "Maybe"})
    lamp.wait(100 * ms)
    assert lamp.signal("BrakePedal").value == 0
