"""The watchdog: real runs that are really killed, against emulators that live on in another process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from emulated import LIMITS, console_spec, relay_spec, supply_spec

from harness.errors import InstrumentError
from harness.instruments import InstrumentSpec, open_instrument, open_instruments
from harness.instruments.guarding import Watchdog, watchdog_result
from harness.instruments.safety import Safety
from harness.instruments.watchdog import reach
from harness.wall import clock_ns

pytest.importorskip("serial", reason="instruments need pyserial")
emulators = pytest.importorskip("harness.instruments.emulators", reason="pseudo-terminals exist on POSIX only")
Fault = emulators.Fault

RUN = """
import os, sys, time
from pathlib import Path
from harness.instruments import InstrumentSpec, open_instruments
from harness.instruments.guarding import Watchdog
from harness.instruments.safety import Safety
specs = [
    InstrumentSpec("supply", "scpi-supply", sys.argv[1], options={limits}),
    InstrumentSpec("relay", "numato-relay", sys.argv[2], options={{"contacts": [{{"name": "main", "relay": 0}}]}}),
]
instruments = open_instruments(specs)
watchdog = Watchdog(specs, Path(sys.argv[3]), patience_ns={patience})
watchdog.start()
instruments.supply().set_voltage(12.0)
instruments.supply().switch_on()
instruments.relay().close("main")
{what}
print("on", watchdog._process.pid, flush=True)
sys.stdin.readline()
{then}
"""


class Rig:
    """Two emulated instruments, and runs that use them from processes of their own."""

    def __init__(self, supply: Any, relay: Any, result: Path) -> None:
        self.supply, self.relay, self.result = supply, relay, result
        self.runs: list[subprocess.Popen[str]] = []
        self.watchdog = 0

    def run(self, what: str = "", then: str = "", patience: int = 20_000_000_000) -> subprocess.Popen[str]:
        code = RUN.format(limits=LIMITS, what=what, then=then, patience=patience)
        run = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", code, self.supply.port, self.relay.port, str(self.result)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            start_new_session=True,  # so that its whole group can be signalled without ourselves
        )  # fmt: skip
        self.runs.append(run)
        assert run.stdout is not None and run.stderr is not None
        line = run.stdout.readline().split()
        assert line and line[0] == "on", run.stderr.read()
        self.watchdog = int(line[1])
        assert self.energised
        return run

    @property
    def energised(self) -> bool:
        return bool(self.supply.output.on or self.relay.driven[0])

    def wait_until_safe(self) -> None:
        self.supply.wait_for(lambda: not self.supply.output.on, 30.0)
        self.relay.wait_for(lambda: not self.relay.driven[0], 30.0)

    def words(self, run: subprocess.Popen[str]) -> str:
        """What the run and its watchdog said on standard error: complete when the watchdog has ended, too."""
        return run.communicate(timeout=60)[1]


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with emulators.SupplyEmulator() as supply, emulators.RelayBoardEmulator() as relay:
        rig = Rig(supply, relay, tmp_path / "results" / "watchdog.json")
        yield rig
        for run in rig.runs:
            run.kill()
            run.communicate(timeout=60)


def test_after_kill_9_the_bench_is_made_safe(rig: Rig) -> None:
    run = rig.run()
    run.kill()
    said = rig.words(run)
    assert run.returncode == -signal.SIGKILL and not rig.energised
    result = watchdog_result(rig.result)
    assert result is not None and result.run == run.pid and result.report.confirmed
    assert str(result.report) == "safe state confirmed: supply off, relay main open"
    assert said == "harness watchdog: the run was killed; safe state confirmed: supply off, relay main open\n"
    assert "ended without reaching the safe state" in str(result)


def test_it_survives_what_is_sent_to_the_runs_group_and_to_itself(rig: Rig) -> None:
    run = rig.run()
    for number in (signal.SIGINT, signal.SIGTERM):
        os.kill(rig.watchdog, number)
    os.killpg(run.pid, signal.SIGTERM)
    run.wait(30)
    rig.wait_until_safe()
    rig.words(run)
    result = watchdog_result(rig.result)
    assert result is not None and result.report.confirmed


def test_it_survives_when_the_whole_group_is_killed(rig: Rig) -> None:
    run = rig.run()
    os.killpg(run.pid, signal.SIGKILL)
    rig.words(run)
    assert not rig.energised


def test_a_run_that_ends_without_a_word_is_cleaned_up(rig: Rig) -> None:
    run = rig.run(then="os._exit(0)")
    run.communicate("go\n", timeout=60)
    assert not rig.energised and watchdog_result(rig.result) is not None


def test_a_run_that_has_reached_the_safe_state_is_left_alone(rig: Rig) -> None:
    """What happens afterwards at the bench is nobody's business: somebody may be using it by hand."""
    run = rig.run(what="Safety(instruments).reach(); watchdog.safe(); instruments.supply().switch_on()")
    run.kill()
    assert rig.words(run) == ""
    assert rig.supply.output.on and watchdog_result(rig.result) is None


def test_energised_again_it_is_armed_again(rig: Rig) -> None:
    run = rig.run(
        what="Safety(instruments).reach(); watchdog.safe(); watchdog.armed(); instruments.supply().switch_on()"
    )
    run.kill()
    rig.words(run)
    assert not rig.energised and watchdog_result(rig.result) is not None


def test_a_forked_process_that_holds_the_pipe_does_not_keep_it(rig: Rig) -> None:
    """A child of the run has the other end of the pipe, and goes on: the pipe does not close when the run is killed."""
    fork = "if not os.fork():\n    os.close(1); os.close(2); time.sleep(600)"
    run = rig.run(what=f"instruments.disconnect()\n{fork}")
    try:
        run.kill()
        run.wait(30)
        assert "safe state confirmed" in rig.words(run) and not rig.energised
    finally:
        os.killpg(run.pid, signal.SIGKILL)


def test_a_port_that_a_forked_process_holds_is_named(rig: Rig) -> None:
    run = rig.run(what="if not os.fork():\n    os.close(1); os.close(2); time.sleep(600)", patience=100_000_000)
    try:
        run.kill()
        run.wait(30)
        said = rig.words(run)
        assert "NOT confirmed" in said and "another program has it" in said
    finally:
        os.killpg(run.pid, signal.SIGKILL)


def test_a_port_that_is_held_for_a_while_is_waited_for(rig: Rig) -> None:
    run = rig.run()
    os.kill(run.pid, signal.SIGSTOP)  # it holds the ports; nothing of it is lost yet
    run.kill()
    rig.words(run)
    assert not rig.energised


def test_what_cannot_be_confirmed_is_named(rig: Rig) -> None:
    run = rig.run(patience=1_000_000_000)
    rig.supply.fault = Fault.SILENCE
    run.kill()
    said = rig.words(run)
    result = watchdog_result(rig.result)
    assert result is not None and not result.report.confirmed
    assert (
        f"safe state NOT confirmed: supply ({rig.supply.port}: '*IDN?': " in said
        and "confirmed: relay main open" in said
    )
    assert not rig.relay.driven[0]


def test_an_instrument_that_comes_back_in_time_is_made_safe(rig: Rig) -> None:
    run = rig.run()
    rig.supply.unplug()
    run.kill()
    rig.relay.wait_for(lambda: not rig.relay.driven[0], 30.0)  # it has tried, and goes on trying
    assert rig.supply.output.on
    rig.supply.plug()
    rig.words(run)
    assert not rig.energised
    result = watchdog_result(rig.result)
    assert result is not None and result.report.confirmed


# -- from the run's side, in this process ------------------------------------------------------------------------------


@pytest.fixture
def watchdog(rig: Rig) -> Iterator[Watchdog]:
    watchdog = Watchdog([supply_spec(rig.supply.port), console_spec("/dev/none")], rig.result)
    watchdog.start()
    yield watchdog
    watchdog.stop()


def test_a_run_that_ends_well(rig: Rig, watchdog: Watchdog) -> None:
    instruments = open_instruments([supply_spec(rig.supply.port)])
    watchdog.check()
    assert Safety(instruments).reach().confirmed
    watchdog.safe()
    instruments.disconnect()
    watchdog.stop()
    watchdog.stop()
    assert watchdog_result(rig.result) is None


def test_stopped_without_the_safe_state_it_reaches_it(rig: Rig, watchdog: Watchdog) -> None:
    rig.supply.output.on = True
    watchdog.stop()
    assert not rig.supply.output.on
    result = watchdog_result(rig.result)
    assert result is not None and str(result.report) == "safe state confirmed: supply off"


def test_a_watchdog_that_is_dead_is_told(rig: Rig, watchdog: Watchdog) -> None:
    process = watchdog._process
    assert process is not None
    process.kill()
    process.wait(30)
    with pytest.raises(
        InstrumentError, match="watchdog has ended with exit code -9: nobody would switch the bench off"
    ):
        watchdog.check()
    with pytest.raises(InstrumentError, match="watchdog"):
        watchdog.safe()


def test_a_watchdog_that_does_not_start_is_told(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/true")
    with pytest.raises(
        InstrumentError, match=r"the watchdog does not start: expected 'watching', got ''|listens no more|ended"
    ):
        Watchdog([supply_spec(rig.supply.port)], rig.result).start()


def test_a_watchdog_that_ends_before_it_was_told_anything_leaves_nothing_open(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deaf(*_: object, **__: object) -> subprocess.Popen[str]:
        process = real([sys.executable, "-c", ""], stdin=-1, stdout=-1, text=True)
        process.wait(30)
        started.append(process)
        return process

    started: list[subprocess.Popen[str]] = []
    real: Any = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", deaf)
    with pytest.raises(InstrumentError, match="ended with exit code 0"):
        Watchdog([supply_spec(rig.supply.port)], rig.result).start()
    (process,) = started
    assert process.stdin is not None and process.stdin.closed
    assert process.stdout is not None and process.stdout.closed


def test_a_driver_that_is_not_there_is_told_at_the_start(rig: Rig, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InstrumentError, match="does not start"):
        Watchdog([InstrumentSpec("siren", "siren", "COM1")], rig.result).start()
    assert "no instrument driver 'siren'" in capfd.readouterr().err


def test_an_old_result_is_removed_at_the_start(rig: Rig) -> None:
    rig.result.parent.mkdir()
    rig.result.write_text("{}")
    watchdog = Watchdog([], rig.result)
    watchdog.start()
    assert not rig.result.exists()
    watchdog.safe()
    watchdog.stop()


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"run": 1, "ended": 2}', '{"run": 1, "ended": 2, "report": {"results": [{}]}}']
)
def test_what_no_watchdog_wrote(tmp_path: Path, text: str) -> None:
    path = tmp_path / "watchdog.json"
    assert watchdog_result(path) is None
    path.write_text(text)
    with pytest.raises(InstrumentError, match="no result of a watchdog"):
        watchdog_result(path)


def test_a_result_is_json(tmp_path: Path) -> None:
    path = tmp_path / "watchdog.json"
    path.write_text(json.dumps({"run": 7, "ended": 1.5, "report": {"results": []}}))
    result = watchdog_result(path)
    assert result is not None and (result.run, result.ended) == (7, 1.5)


# -- its patience ------------------------------------------------------------------------------------------------------


def test_it_tries_again_until_its_patience_is_over(rig: Rig) -> None:
    tries: list[str] = []

    def opener(spec: InstrumentSpec) -> Any:
        tries.append(spec.name)
        if spec.name == "supply" and tries.count("supply") < 3:
            raise InstrumentError("supply on x: another program has it")
        return open_instrument(spec)

    rig.supply.output.on = rig.relay.driven[0] = True
    specs = [supply_spec(rig.supply.port), relay_spec(rig.relay.port)]
    report = reach(specs, 20_000_000_000, opener, pause=lambda _: None)
    assert report.confirmed and tries == ["supply", "relay", "supply", "supply"]
    assert not rig.energised


def test_its_patience_has_an_end() -> None:
    def opener(spec: InstrumentSpec) -> Any:
        raise InstrumentError(f"{spec.name} on x: another program has it")

    begin = clock_ns()
    report = reach([supply_spec("x")], 50_000_000, opener)
    assert str(report) == "safe state NOT confirmed: supply (x: another program has it)"
    assert clock_ns() - begin < 10_000_000_000
