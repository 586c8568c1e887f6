"""``harness check``: judge recordings by the bus contract and properties, without any test code."""

from __future__ import annotations

import sys
import warnings
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from harness.errors import HarnessError, MissingExtra
from harness.evidence.verdicts import Verdict, worst
from harness.offline.options import add_recording_options, channel_names

if TYPE_CHECKING:
    from harness.bench.recorded import Damaged
    from harness.monitors.contract import BusContract
    from harness.offline.check import Checked, Progress
    from harness.offline.check_bench import CheckBench

EXIT = {Verdict.PASSED: 0, Verdict.FAILED: 1, Verdict.INCONCLUSIVE: 3, Verdict.BLOCKED: 4}
"""Exit codes by the verdict of the worst recording; 2: options or files are wrong, or a recording is unreadable."""
USAGE = 2
BAR = 30


def add_options(parser: ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("recordings", type=Path, nargs="+", metavar="RECORDING", help=".blf, .asc, .log, .mf4 or .trc")
    add_recording_options(parser)
    parser.add_argument(
        "--properties", type=Path, action="append", default=[], metavar="FILE",
        help="file of temporal properties, beside those that the bench file names; may be given several times",
    )  # fmt: skip
    parser.add_argument("--no-contract", action="store_true", help="judge the properties only, not the bus contract")
    parser.add_argument(
        "--without", action="append", default=[], metavar="KIND",
        help="leave one kind of violation out of the contract: cycle, silence, unknown_frame, ...; repeat if need be",
    )  # fmt: skip
    parser.add_argument(
        "--damaged", choices=("inconclusive", "fail", "ignore"), default="inconclusive",
        help="what damage in a recording means where it would pass otherwise (default: inconclusive)",
    )  # fmt: skip
    parser.add_argument("--statistics", action="store_true", help="print the statistics of every message, too")
    parser.add_argument("--limit", type=int, default=20, help="violated checks to show in full, 0 for all; default: 20")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="recordings to judge at a time; default: 1")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write a row per recording and check")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything as JSON")
    parser.add_argument("--junit", type=Path, metavar="FILE", help="write JUnit XML, a test case per check")
    parser.add_argument("--allure", type=Path, metavar="DIR", help="write Allure results")


def run(options: Namespace) -> int:
    """Judge, print, write files; the exit code."""
    try:
        try:
            return _run(options)
        except ModuleNotFoundError as error:
            if error.name != "numpy":
                raise
            raise MissingExtra("harness check", "logs") from error
    except HarnessError as error:
        print(f"harness check: {error}", file=sys.stderr)
        return USAGE


@dataclass(frozen=True, slots=True)
class Job:
    """What it takes to judge a recording, in a form that another process understands."""

    bench: Path
    properties: Sequence[Path]
    contract: BusContract | None
    channels: Mapping[str, str]
    damaged: Damaged
    surroundings: bool


def _run(options: Namespace) -> int:
    from harness.monitors.contract import bus_contract
    from harness.offline.check import Checked
    from harness.offline.check_bench import CheckBench
    from harness.offline.check_text import summary_of, text_of

    contract = None if options.no_contract else bus_contract(without=options.without)
    channels = channel_names(options.channel)
    job = Job(options.bench, options.properties, contract, channels, options.damaged, options.allure is not None)
    bench = CheckBench.load(job.bench, job.properties, job.contract)
    found: list[Checked] = []
    for path, outcome in zip(options.recordings, _judged(options.recordings, job, bench, options.jobs), strict=True):
        if isinstance(outcome, str):
            # It is in no report otherwise, and whoever reads only that would take the rest for everything.
            found.append(Checked(path, "", Verdict.ERROR, outcome, 0, 0, 0, {}, []))
            print(f"harness check: {outcome}", file=sys.stderr)
            continue
        found.append(outcome)
        print(text_of(outcome, statistics=options.statistics, limit=options.limit), end="\n\n", flush=True)
    if len(options.recordings) > 1:
        print(summary_of(found))
    _write(options, bench, found)
    verdicts = [each.verdict for each in found]
    return USAGE if Verdict.ERROR in verdicts else EXIT[worst(verdicts) or Verdict.INCONCLUSIVE]


def _judged(paths: Sequence[Path], job: Job, bench: CheckBench, jobs: int) -> Iterator[Checked | str]:
    """What every recording came to, in the given order; a text where it could not be read."""
    if jobs <= 1 or len(paths) == 1:
        for path in paths:
            with Bar(sys.stderr, path.name) as bar:
                yield _judge(job, path, bench, bar.show)
        return
    # Fresh processes: what this one holds open is none of their business.
    with ProcessPoolExecutor(min(jobs, len(paths)), mp_context=get_context("spawn")) as pool:
        for number, (path, outcome) in enumerate(zip(paths, pool.map(partial(_judge, job), paths), strict=True), 1):
            print(f"{number} of {len(paths)}: {path.name}", file=sys.stderr)
            yield outcome


def _judge(job: Job, path: Path, bench: CheckBench | None = None, progress: Progress | None = None) -> Checked | str:
    from harness.offline.check import check_recording
    from harness.offline.check_bench import CheckBench

    try:
        if bench is None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the process that began this one has said it already
                bench = CheckBench.load(job.bench, job.properties, job.contract)
        return check_recording(
            path,
            bench,
            channels=job.channels,
            damaged=job.damaged,
            surroundings=job.surroundings,
            progress=progress or (lambda fraction: None),
        )
    except HarnessError as error:
        return str(error)


def _write(options: Namespace, bench: CheckBench, found: Sequence[Checked]) -> None:
    from harness.offline.check_files import csv_text, json_of, junit_text, write_json, write_text

    if options.csv:
        write_text(options.csv, csv_text(found))
    if options.json:
        write_json(options.json, json_of(found, bench.described(), _command(options)))
    if options.junit:
        write_text(options.junit, junit_text(found))
    if options.allure:
        from harness.offline.check_allure import write_allure

        write_allure(options.allure, bench, found, _command(options))
    written = [path for path in (options.csv, options.json, options.junit, options.allure) if path]
    for path in written:
        print(f"written: {path}")


def _command(options: Namespace) -> str:
    words: list[str] = ["harness", "check", *map(str, options.recordings), "--bench", str(options.bench)]
    for name, values in (
        ("channel", options.channel),
        ("properties", options.properties),
        ("without", options.without),
    ):
        words += [word for value in values for word in (f"--{name}", str(value))]
    words += ["--no-contract"] if options.no_contract else []
    words += ["--damaged", options.damaged] if options.damaged != "inconclusive" else []
    return " ".join(words)


class Bar:
    """How far a recording is read: a bar on a terminal, a line at every quarter elsewhere."""

    def __init__(self, out: TextIO, name: str) -> None:
        self._out, self._name = out, name
        self._drawn = -1
        self._alive = out.isatty()

    def show(self, fraction: float) -> None:
        """So much is read, 0 to 1."""
        if self._alive:
            full = int(fraction * BAR)
            if full != self._drawn:
                self._out.write(f"\r{self._name}  [{'#' * full}{'.' * (BAR - full)}] {fraction:4.0%}")
                self._out.flush()
            self._drawn = full
        elif 0.25 <= fraction < 1 and int(fraction * 4) > self._drawn:
            self._drawn = int(fraction * 4)
            print(f"{self._name}: {self._drawn * 25} % read", file=self._out)

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_: object) -> None:
        if self._alive and self._drawn >= 0:
            self._out.write(f"\r{' ' * (len(self._name) + BAR + 10)}\r")
            self._out.flush()
