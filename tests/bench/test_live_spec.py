"""What a bench file says of adapters, a served vehicle and the reset of the device."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.bench import Blueprint
from harness.bench.file import load_bench_file
from harness.errors import BenchFileError

CHANNEL = '[channels.body]\ndatabase = "body.dbc"\nport = "can"\ninterface = "slcan"\n'


def bench(folder: Path, text: str) -> Path:
    path = folder / "bench.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_channel_behind_python_can(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BODY_PORT", "/dev/ttyACM7")
    text = (
        CHANNEL
        + 'channel = "$BODY_PORT"\nbitrate = "250 kbit/s"\ndata_bitrate = "2 Mbit/s"\n[channels.body.options]\na = 1\n'
    )
    file = load_bench_file(bench(tmp_path, text))
    adapter = file.channels[0].adapter
    assert adapter is not None
    assert (adapter.channel, adapter.interface, adapter.where) == ("body", "slcan", "/dev/ttyACM7")
    assert (adapter.bitrate, adapter.data_bitrate, adapter.cyclic) == (250_000, 2_000_000, "process")
    assert not adapter.reconnect
    assert adapter.options == {"a": 1}
    assert file.live


def test_a_relative_path_lies_beside_the_bench_file(tmp_path: Path) -> None:
    file = load_bench_file(bench(tmp_path, CHANNEL + 'channel = "./adapters/body"\n'))
    adapter = file.channels[0].adapter
    assert adapter is not None and adapter.where == str(tmp_path / "adapters" / "body")


def test_a_served_vehicle_is_renewed_for_each_test(tmp_path: Path) -> None:
    file = load_bench_file(bench(tmp_path, CHANNEL + 'channel = 0\n[served]\nchannel = "body"\n'))
    assert file.served == "body"
    assert (file.reset.by, file.reset.scope) == ("served", "test")


def test_without_a_word_nothing_is_reset(tmp_path: Path) -> None:
    assert load_bench_file(bench(tmp_path, CHANNEL + "channel = 0\n")).reset.by == "none"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "channels.body needs the key 'channel'"),
        ('channel = "$NOWHERE_TO_BE_FOUND"\n', "names a variable that the environment does not have"),
        (
            'channel = 0\n[served]\nchannel = "powertrain"\n',
            "'powertrain' is no channel of this bench with port = 'can'",
        ),
        ('channel = 0\n[reset]\nby = "served"\n', "needs a table [served]"),
        ('channel = 0\n[reset]\nby = "power cycle"\n', "reset needs the key 'instrument'"),
        ('channel = 0\n[reset]\nby = "frame"\nchannel = "body"\nid = 1\ndata = "0x"\n', "must be bytes in hex"),
        ('channel = 0\n[reset]\nby = "prayer"\n', "must be one of none, served, power cycle"),
        ('channel = 0\n[reset]\nscope = "test"\nwihtin = "1 s"\n', "did you mean 'within'"),
        ('channel = 0\ncyclic = "hardware"\n', "must be one of process, kernel"),
        ("channel = 0\n[served]\n", "served needs the key 'channel'"),
        (
            'channel = 0\n[channels.chassis]\ndatabase = "x.dbc"\nport = "can"\ninterface = "slcan"\nchannel = 0\n',
            "channels.chassis.channel: slcan '0' is the adapter of channel 'body' already",
        ),
        (
            'channel = 0\n[reset]\nby = "frame"\nchannel = "bodi"\nid = 1\ndata = "00"\n',
            "reset.channel = 'bodi' is no channel of this bench; did you mean",
        ),
        (
            'channel = 0\n[reset]\nby = "frame"\nchannel = "body"\nid = 0x900\ndata = "00"\n',
            "reset.id must lie between 0 and 0x7ff, not 0x900; one of 29 bits needs extended = true",
        ),
        (
            'channel = 0\n[reset]\nby = "diagnostic"\nchannel = "body"\nid = 1\nanswer_id = -1\n',
            "reset.answer_id must lie between 0 and 0x7ff",
        ),
        (
            'channel = 0\n[reset]\nby = "power cycle"\ninstrument = "suply.main"\n',
            "reset.instrument = 'suply' is no instrument of this bench; there are none",
        ),
        (
            'channel = 0\n[plant.supplies]\nsupply_voltage = "suply"\n',
            "plant.supplies.supply_voltage = 'suply' is no instrument of this bench",
        ),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(BenchFileError) as caught:
        load_bench_file(bench(tmp_path, CHANNEL + text))
    assert told in str(caught.value)


def test_a_policy_that_the_file_itself_gives_is_strict(tmp_path: Path) -> None:
    file = load_bench_file(
        bench(tmp_path, CHANNEL + 'channel = 0\n[policy]\nunknown_frame = "fail"\ncycle = "collect"\n')
    )
    assert file.strict_policy == {"unknown_frame"}


def test_a_supply_makes_what_the_plant_has(tmp_path: Path) -> None:
    supply = (
        '[instruments.supply]\ndriver = "scpi-supply"\nport = "/dev/ttyUSB0"\nmax_voltage = "15 V"\nmax_current = "5 A"'
    )
    data = Path(__file__).parent / "data"
    text = f"""
        models = "{data}"
        [channels.can]
        database = "{data / "lamp.dbc"}"
        [plant]
        model = "lamp_model:Garage"
        [plant.supplies]
        {{role}} = "supply"
    """
    for role in ("temperature", "temperatur"):
        path = bench(tmp_path, f"{text.format(role=role)}\n{supply}\n")
        if role == "temperature":
            assert Blueprint.load(path).file.plant_supplies == {role: "supply"}
        else:
            with pytest.raises(BenchFileError, match=r"the plant has no such role; did you mean .*'temperature'"):
                Blueprint.load(path)
