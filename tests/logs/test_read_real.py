"""Recordings that nobody of this project made, in every format at hand: as many frames as their manifest says."""

from __future__ import annotations

import csv
from pathlib import Path

import can
import pytest

from harness.frames import EXTENDED, Received
from harness.logs.reading import open_log

np = pytest.importorskip("numpy")

TRACES = Path(__file__).parents[3] / "shared" / "data" / "traces"
pytestmark = pytest.mark.skipif(not TRACES.exists(), reason=f"no recordings at {TRACES}")

FORMATS = {
    "savvycan/candump.log": "candump",
    "nmfta/candump.log": "candump",
    "nmfta/test_tp_frames.txt": "candump",
    "canboat/candumpSample1.txt": "candump",
    "canboat/sample3_PCAN-View.trc": "trc",
    "css/truck_j1939.MF4": "mf4",
    "css/j1939_long.MF4": "mf4",
    "css/gnss.MF4": "mf4",
}


def told(name: str) -> dict[str, str]:
    with (TRACES / "MANIFEST.tsv").open(newline="") as file:
        return next(row for row in csv.DictReader(file, delimiter="\t") if row["file"] == f"files/{name}")


@pytest.mark.parametrize(("name", "form"), FORMATS.items(), ids=list(FORMATS))
def test_frames_identifiers_and_span_are_those_of_the_manifest(name: str, form: str) -> None:
    if form == "mf4":
        pytest.importorskip("asammdf")
    log = open_log(TRACES / "files" / name)
    blocks = list(log.blocks(5000))
    key, time = np.concatenate([block.key for block in blocks]), np.concatenate([block.time for block in blocks])
    manifest = told(name)
    assert log.format == form
    assert len(key) == int(manifest["frames"])
    assert np.count_nonzero(key & np.uint32(EXTENDED)) == int(manifest["extended"])
    assert len(np.unique(key & np.uint32(EXTENDED - 1))) == int(manifest["ids"])
    assert (time[-1] - time[0]) / 1e9 == pytest.approx(float(manifest["seconds"]), abs=0.001)
    assert np.all(np.diff(time) >= 0)
    assert [problem for problem in log.problems if "without a time" not in problem.text] == []


def test_one_capture_in_three_formats_is_the_same_frames() -> None:
    folder = TRACES / "files" / "savvycan"
    ours = [
        (seen.frame.id, seen.frame.extended, seen.frame.data)
        for seen in open_log(folder / "candump.log").frames()
        if isinstance(seen, Received)
    ]
    with (folder / "GVRET_Log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    gvret = [
        (
            int(row["ID"], 16),
            row["Extended"] == "true",
            bytes.fromhex("".join(row[f"D{n + 1}"] for n in range(int(row["LEN"])))),
        )
        for row in rows
    ]
    words = [line.split() for line in (folder / "CRTD_Log.txt").read_text().splitlines()]
    crtd = [
        (int(line[2], 16), line[1].endswith("29"), bytes.fromhex("".join(line[3:])))
        for line in words
        if line[1][0] == "R"
    ]
    assert len(ours) == 12_974
    assert ours == gvret
    assert ours == crtd


@pytest.mark.parametrize("name", ["css/truck_j1939.MF4", "css/gnss.MF4", "savvycan/candump.log"])
def test_frames_are_those_of_python_can(name: str) -> None:
    if name.endswith("MF4"):
        pytest.importorskip("asammdf")
    path = TRACES / "files" / name
    log = open_log(path)
    with can.LogReader(path) as reader:
        theirs = [(round(each.timestamp * 1e6), each.arbitration_id, bytes(each.data)) for each in reader]
    start = log.start or 0
    ours = [((start + seen.time) / 1e3, seen.frame.id, seen.frame.data) for seen in log.frames()]
    for mine, other in zip(sorted(ours), sorted(theirs), strict=True):
        # python-can's times are floats since 1970, which are exact to about a quarter of a microsecond.
        assert abs(mine[0] - other[0]) <= 1 and mine[1:] == other[1:]
