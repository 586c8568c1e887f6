"""The command ``harness``.

``harness run [pytest options]``
    pytest with good defaults: the suites, quick tests only, a worker per processor, Allure results, JUnit, then the
    HTML report.
``harness report``
    builds the report from the results of an earlier run.
``harness check RECORDING ... --bench FILE [--properties FILE]``
    judges recordings by the bus contract and properties, without any test code.
``harness decode RECORDING --bench FILE``
    what the signals of a recording did, a line each.
``harness export RECORDING --bench FILE -o SIGNALS.mf4``
    its signals in a file for other tools: MF4, Parquet or CSV.
``harness diff ONE OTHER --bench FILE``
    compares two recordings signal by signal.
``harness doctor [BENCH]``
    whether a bench can run, and what is in the way; without a bench, what this machine has.
``harness monitor BENCH``
    what goes over its channels, decoded and live in the terminal.
``harness simulate BENCH --slcan | --interface NAME``
    the simulated nodes of a bench as a process of its own, in real time.

Exit codes of ``run`` are pytest's, whatever becomes of the report.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path

from harness.doctor import cli_doctor
from harness.errors import ReportError
from harness.evidence.environment import check_results_folder
from harness.evidence.report import build_report
from harness.offline import cli_check, cli_decode, cli_diff
from harness.screen import cli_monitor
from harness.serve import cli_simulate

REPORTS = Path("reports")
RESULTS = REPORTS / "results"
JUNIT = REPORTS / "junit.xml"
EVIDENCE = REPORTS / "evidence.json"
HISTORY = REPORTS / "history.jsonl"
HTML = REPORTS / "html"

_BROKEN_PIPE = 141
"""What a shell shows of a program that SIGPIPE has ended."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["run"]:
        return run(given[1:])
    parser = _parser()
    chosen = parser.parse_args(given)
    if chosen.command == "report":
        return report(chosen.results, chosen.output)
    if chosen.command is not None:
        try:
            code: int = chosen.run(chosen)
            sys.stdout.flush()
        except BrokenPipeError:
            # Whoever reads the output, such as `head`, has had enough of it.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return _BROKEN_PIPE
        return code
    parser.print_help()
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="harness", description="Test vehicle software with pytest.")
    parser.add_argument("--version", action="version", version=f"vehicle-harness {version('vehicle-harness')}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    commands.add_parser("run", help="run the suites and build the report; takes every pytest option", add_help=False)
    again = commands.add_parser("report", help="build the report from the results of an earlier run")
    again.add_argument("results", type=Path, nargs="?", default=RESULTS, help=f"results folder (default: {RESULTS})")
    again.add_argument("-o", "--output", type=Path, default=HTML, help=f"report folder (default: {HTML})")
    decode = commands.add_parser("decode", help="what the signals of a recording did, a line each")
    cli_decode.add_decode_options(decode)
    decode.set_defaults(run=cli_decode.run_decode)
    export = commands.add_parser("export", help="the signals of a recording as MF4, Parquet or CSV")
    cli_decode.add_export_options(export)
    export.set_defaults(run=cli_decode.run_export)
    diff = commands.add_parser("diff", help="compare two recordings signal by signal")
    cli_diff.add_options(diff)
    diff.set_defaults(run=cli_diff.run)
    check = commands.add_parser("check", help="judge recordings by the bus contract and properties, without test code")
    cli_check.add_options(check)
    check.set_defaults(run=cli_check.run)
    doctor = commands.add_parser("doctor", help="whether a bench can run, and what this machine has; it only listens")
    cli_doctor.add_options(doctor)
    doctor.set_defaults(run=cli_doctor.run)
    monitor = commands.add_parser("monitor", help="what goes over a bench's channels, decoded and live; never sends")
    cli_monitor.add_options(monitor)
    monitor.set_defaults(run=cli_monitor.run)
    simulate = commands.add_parser("simulate", help="serve a bench's simulated nodes in real time to any CAN interface")
    cli_simulate.add_options(simulate)
    simulate.set_defaults(run=cli_simulate.run)
    return parser


def run(options: Sequence[str]) -> int:
    """Run the suites and build the report. ``options`` go to pytest, after the defaults, so they win."""
    try:
        check_results_folder(RESULTS)
    except ReportError as error:
        print(f"harness: {error}", file=sys.stderr)
        return 4  # pytest's code for a usage error
    # Old results would come back as results of this run.
    shutil.rmtree(RESULTS)
    RESULTS.mkdir()
    JUNIT.unlink(missing_ok=True)
    EVIDENCE.unlink(missing_ok=True)
    # A process of its own, so that pytest finds the plugin not imported yet, as in a plain `pytest`.
    command = [sys.executable, "-m", "pytest", *defaults(), *workers(options), *options]
    code = subprocess.run(command, check=False).returncode
    if any(RESULTS.glob("*-result.json")):
        report(RESULTS, HTML)
    return code


def defaults() -> list[str]:
    """The options of ``harness run``. ``suites`` stands in for ``testpaths``: paths that the user names replace it."""
    files = ["--alluredir", str(RESULTS), f"--junitxml={JUNIT}", f"--evidence={EVIDENCE}"]
    return ["-o", "testpaths=suites", "-m", "not slow", "--tb=short", *files]


SERIAL = ("-n", "--numprocesses", "--dist", "--pdb", "--trace", "-s", "--capture", "--co", "--collect-only", "-h")
"""pytest's options with which ``harness run`` leaves the number of workers to the user, or needs one process."""


def workers(options: Sequence[str]) -> list[str]:
    """A worker per processor, since worlds in virtual time share nothing; none where the options speak against it.

    A bench with real hardware runs one test at a time.

    >>> workers(["-k", "brake"]), workers(["-n0"]), workers(["--pdb"])
    (['-n', 'auto'], [], [])
    """
    if (bench := _bench(options)) is not None:
        from harness.bench.live_spec import is_live  # takes the whole bench along

        if is_live(bench):
            return []
    chosen = any(option.startswith(("-n", "--dist")) or option.partition("=")[0] in SERIAL for option in options)
    return [] if chosen or "no:xdist" in options else ["-n", "auto"]


def _bench(options: Sequence[str]) -> Path | None:
    """The bench file that the options name."""
    given = [each.partition("=")[2] for each in options if each.startswith("--bench=")]
    given += [after for each, after in pairwise(options) if each == "--bench"]
    return Path(given[-1]) if given else None


def report(results: Path, output: Path) -> int:
    """Build the report and say where it lies, or why there is none and how to build it later."""
    print("building the report ...", end=" ", flush=True)
    try:
        index = build_report(results, output, project_title(Path.cwd()), HISTORY)
    except ReportError as error:
        again = "harness report" if results == RESULTS else f"harness report {results}"
        print(f"not built.\n{error}\nThe results are kept in {results}. Build the report later with: {again}")
        return 1
    print(f"{os.path.relpath(index)} ({index.stat().st_size / 1e6:.1f} MB)")
    return 0


def project_title(folder: Path) -> str:
    """The title of the requirement file, else of the project, else of the folder."""
    try:
        requirements = tomllib.loads((folder / "suites" / "requirements.toml").read_text(encoding="utf-8"))
        return str(requirements["title"])
    except (OSError, ValueError, KeyError):
        return folder.name


if __name__ == "__main__":
    sys.exit(main())
