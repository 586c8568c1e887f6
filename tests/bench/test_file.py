"""Bench files: what they may say, and what a wrong one is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.bench.file import NodeState, load_bench_file
from harness.errors import BenchFileError

MINIMAL = '[channels.can]\ndatabase = "a.dbc"\n'


def test_everything_a_bench_file_can_say(tmp_path: Path) -> None:
    text = """
    name = "mine"
    models = ".."
    [channels.body]
    database = ["a.dbc", "sub/b.dbc"]
    port = "simulated"
    bitrate = "500 kbit/s"
    data_bitrate = 2_000_000
    strict = false
    [nodes.VCU]
    model = "simulators.vcu:Vcu"
    drift_ppm = 50
    restart_after = "never"
    parameters = { limp = 20.0 }
    [nodes.KEY]
    state = "absent"
    restart_after = "50 ms"
    [plant]
    model = "simulators.plant:VehiclePlant"
    [cycle]
    DoorStatus = "100 ms"
    [sendtype]
    DoorStatus = "CyclicAndOnChange"
    [protect.DoorStatus]
    profile = "P05"
    data_id = 0x80C8
    counter = "DoorStatusCounter"
    crc = "DoorStatusCrc"
    [policy]
    unknown_frame = "collect"
    [restbus]
    sleep_after = "500 ms"
    """
    file = load_bench_file(_write(tmp_path, text))
    (channel,) = file.channels
    assert channel.databases == (tmp_path / "a.dbc", tmp_path / "sub/b.dbc")
    assert (channel.bitrate, channel.data_bitrate, channel.strict) == (500_000, 2_000_000, False)
    vcu = file.node("VCU")
    assert (vcu.state, vcu.drift_ppm, vcu.restart_after) == (NodeState.SIMULATED, 50.0, None)
    assert vcu.parameters == {"limp": 20.0}
    assert file.node("KEY").restart_after == 50_000_000
    assert file.node("nobody").state is NodeState.ABSENT
    assert file.cycles == {"DoorStatus": 100_000_000}
    assert file.protections["DoorStatus"].data_id == 0x80C8
    assert (file.policy.unknown_frame, file.policy.undecodable) == ("collect", "fail")
    assert file.sleep_after == 500_000_000
    assert file.models == tmp_path.parent


def _write(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "bench.toml"
    file.write_text(text)
    return file


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the bench has no channel"),
        ("[channels.can]\n", "channels.can needs the key 'database'"),
        (
            '[channels.can]\ndatabase = "a.dbc"\nbitrat = 1\n',
            "unknown key 'channels.can.bitrat'; did you mean one of 'bitrate'",
        ),
        ("[channels.can]\ndatabase = 3\n", "channels.can.database must be text or a list, not 3"),
        ("[channels.can]\ndatabase = [1]\n", "must be a file name or a list of them"),
        ('[channels.can]\ndatabase = "a.dbc"\nport = "pcan"\n', "port must be one of simulated, can, not 'pcan'"),
        (
            '[channels.can]\ndatabase = "a.dbc"\nbitrate = "fast"\n',
            "must be a bit rate such as '500 kbit/s', not 'fast'",
        ),
        ('[channels.can]\ndatabase = "a.dbc"\nbitrate = 5\n', "between 10 kbit/s and 20 Mbit/s"),
        ('[channels.can]\ndatabase = "a.dbc"\nbitrate = true\n', "must be a whole number or text, not True"),
        ('[channels.can]\ndatabase = "a.dbc"\nstrict = "no"\n', "strict must be true or false, not 'no'"),
        ("[channels]\ncan = 3\n", "channels.can must be a table, not 3"),
        (MINIMAL + "[nodes.A]\nstate = 'simulated'\n", "nodes.A is simulated, so it needs a model"),
        (MINIMAL + "[nodes.A]\nstate = 'simulatd'\n", "must be one of simulated, real, absent, not 'simulatd'"),
        (MINIMAL + "[nodes.A]\nmodel = 'simulators.vcu'\n", "must be written 'module:Class'"),
        (MINIMAL + "[nodes.A]\nrestart_after = '0 ms'\n", "must be more than zero"),
        (MINIMAL + "[nodes.A]\nrestart_after = '-5 ms'\n", "more than zero"),
        (MINIMAL + "[nodes.A]\ndrift_ppm = nan\n", "nodes.A.drift_ppm must lie within ±500000, not nan"),
        (MINIMAL + "[nodes.A]\ndrift_ppm = -1_000_000\n", "nodes.A.drift_ppm must lie within ±500000"),
        (MINIMAL + "[cycle]\nM = '10'\n", "cycle.M: '10' is no duration"),
        (MINIMAL + "[cycle]\nM = 10\n", "cycle.M must be a duration such as '100 ms', not 10"),
        (MINIMAL + "[cycle]\nM = '0.5 ns'\n", "whole number of nanoseconds"),
        (MINIMAL + "[protect.M]\nprofile = 'P01'\n", "protect.M needs the key 'data_id'"),
        (MINIMAL + "[policy]\nunknown_frame = 'warn'\n", "must be one of fail, collect, ignore, not 'warn'"),
        (MINIMAL + "[nodez.A]\n", "unknown key 'nodez'; did you mean 'nodes'"),
        (MINIMAL + "[plant]\nclass = 'x'\n", "unknown key 'plant.class'"),
        ("this is no toml", "not valid TOML"),
    ],
)
def test_a_wrong_bench_file_is_told_where_and_what(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(BenchFileError) as caught:
        load_bench_file(_write(tmp_path, text))
    assert message in str(caught.value)
    assert "bench.toml" in str(caught.value)


def test_a_missing_bench_file_names_those_that_are_there(tmp_path: Path) -> None:
    _write(tmp_path, MINIMAL)
    with pytest.raises(BenchFileError, match=r"does not exist; the folder holds bench\.toml"):
        load_bench_file(tmp_path / "bensh.toml")
    with pytest.raises(BenchFileError, match="no TOML file in that folder"):
        load_bench_file(tmp_path / "nowhere" / "bench.toml")
