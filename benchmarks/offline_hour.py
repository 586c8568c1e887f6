"""An hour of the reference vehicle, both channels, from a BLF file: read, decoded, judged by contract and properties.

Run ``python -m benchmarks.offline_hour`` (``--quick`` for two minutes). The hour is simulated once, which takes some
minutes, and kept in the folder for temporary files; delete it there after a change of the vehicle.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path

import can

from benchmarks.vehicle import BENCH, driving
from harness.bench import Blueprint
from harness.bench.recorder import Recorder
from harness.logs.reading import open_log
from harness.monitors.contract import bus_contract
from harness.offline.check import PROPERTIES, check_recording
from harness.offline.check_bench import CheckBench
from harness.units import s

FOLDER = Path(tempfile.gettempdir()) / "vehicle-harness-benchmarks"
SPAN, QUICK_SPAN = 3600, 120
PYTHON_CAN_FRAMES = 200_000

FORMULAS = (
    "always((BrakePedal > 3 * percent) >> eventually(BrakeLamp == 'On', within=80 * ms))",
    "always(VehicleSpeed.VehicleSpeed < 250 * kmh)",
    "always(rise(DriveState == 'Drive') >> eventually(VehicleSpeed.VehicleSpeed > 1 * kmh, within=20 * s))",
    "always(BatteryCharge.StateOfCharge >= 0 * percent)",
    "always((AcceleratorPedal > 20 * percent) >> (BrakePedal < 50 * percent))",
    "always(held_for(DriveState == 'Drive', 1 * s) >> (KeyPosition == 'On'))",
    "always(derivative(VehicleSpeed.VehicleSpeed) < 100)",
    "eventually(VehicleSpeed.VehicleSpeed > 20 * kmh)",
    "always(~((BrakePedal > 30 * percent) & (AcceleratorPedal > 30 * percent)))",
    "always(abs(VehicleSpeed.VehicleSpeed - VehicleSpeedBody) < 5 * kmh)",
)


def recording(span: int) -> Path:
    """The vehicle in Drive for ``span`` seconds; simulated when it is not there yet."""
    path = FOLDER / f"drive-{span}.blf"
    if not path.is_file():
        FOLDER.mkdir(exist_ok=True)
        part = path.with_name(f"part-{path.name}")
        bench = driving(Blueprint.load(BENCH))
        with Recorder(bench, part):
            bench.wait(span * s)
        part.rename(path)
    return path


def properties() -> Path:
    """Ten temporal properties."""
    path = FOLDER / "properties.toml"
    tables = [f'[[property]]\nname = "property {n}"\nformula = """{each}"""\n' for n, each in enumerate(FORMULAS, 1)]
    path.write_text("\n".join(tables), encoding="utf-8")
    return path


def run(quick: bool) -> list[tuple[str, str, str]]:
    """Rows of (figure, measured, target)."""
    span = QUICK_SPAN if quick else SPAN
    path = recording(span)
    contract = bus_contract()
    bench = CheckBench.load(BENCH, [properties()], contract)
    blocks = list(islice(open_log(path).blocks(), 3))
    del blocks  # the file is in memory, and the code is loaded
    start = time.process_time()
    checked = check_recording(path, bench)
    total = time.process_time() - start
    share = span / SPAN
    red = [each.outcome.check for each in checked.results if each.outcome.count]
    rows = [
        (f"hour of recording ({checked.frames:,} frames): read and judged, s", f"{total:.1f}", f"< {10 * share:.1f}"),
        ("  verdict", f"{checked.verdict.value} {red or ''}".strip(), "passed"),
        ("  largest memory of the process, MB", f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f}", ""),
    ]
    rows += [(f"  {name}, s", f"{spent:.1f}", "") for name, spent in _parts(path, bench)]
    rows.append(("  python-can reads the same, s (from a part)", f"{_python_can(path, checked.frames):.1f}", ""))
    return rows


def _parts(path: Path, bench: CheckBench) -> Iterator[tuple[str, float]]:
    """The split: reading alone, the contract and the properties each with reading."""
    with _clock() as reading:
        for _ in open_log(path).blocks():
            pass
    yield "of this reading", reading[0]
    with _clock() as contract:
        check_recording(path, replace(bench, properties=()))
    yield "bus contract", contract[0] - reading[0]
    with _clock() as temporal:
        found = check_recording(path, replace(bench, contract=None))
    assert sum(each.family == PROPERTIES for each in found.results) == len(FORMULAS)
    yield "ten temporal properties, with decoding", temporal[0] - reading[0]


@contextmanager
def _clock() -> Iterator[list[float]]:
    spent = [0.0]
    start = time.process_time()
    yield spent
    spent[0] = time.process_time() - start


def _python_can(path: Path, frames: int) -> float:
    start = time.process_time()
    with can.BLFReader(path) as reader:
        count = sum(1 for _ in islice(reader, PYTHON_CAN_FRAMES))
    return (time.process_time() - start) * frames / count


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two minutes instead of an hour")
    for figure, measured, target in run(parser.parse_args().quick):
        print(f"{figure:70} {measured:>16}   {target}")


if __name__ == "__main__":
    main()
