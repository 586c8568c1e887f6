"""A small car as a project of its own: served by ``harness simulate``, tested by a pytest in another process."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

HERE = Path(__file__).parent
WAIT_S = 30.0
"""Only what hangs exceeds it."""

NODES = {"LAMP": "real", "HORN": "real", "PEDAL": "absent"}
GROUP = "239.74.163.77"

INI = """
[pytest]
addopts = --strict-markers -p no:cacheprovider -p no:allure_pytest -W error
testpaths = .
"""

CONFTEST = '''
"""What the suites of the small car have beside the bench."""

import os
import signal
import sys
import time

import can
import pytest

CONFIGS, LATER = [], []


def served():
    """The number of the process that serves, as soon as there is one."""
    end = time.monotonic() + 30
    while not os.path.exists("served"):
        assert time.monotonic() < end, "nobody serves"
        time.sleep(0.01)
    with open("served") as file:
        return int(file.read())


def intruder_bus(name="LIVE_PORT"):
    return can.Bus(interface="udp_multicast", channel="{group}", port=int(os.environ[name]), fd=False)


def pytest_configure(config):
    CONFIGS.append(config)


def pytest_runtest_logfinish(nodeid):
    """Between two tests: do what the last one has asked for, and wait until its world has seen what comes of it."""
    while LATER:
        LATER.pop()()
        worlds = CONFIGS[0].pluginmanager.get_plugin("harness-run").worlds
        end = time.monotonic() + 20
        while not worlds.between and time.monotonic() < end:
            worlds.collect_between()
            time.sleep(0.01)


@pytest.fixture
def intruder():
    """Somebody else on the bus: send(identifier, data)."""
    with intruder_bus() as bus:
        yield lambda identifier, data: bus.send(
            can.Message(arbitration_id=identifier, data=bytes(data), is_extended_id=False)
        )
'''


@dataclass
class Outcome:
    """What a run of pytest left behind. code: its exit code; negative: the signal that ended it. evidence: its JSON."""

    code: int
    out: str
    evidence: str

    @cached_property
    def tests(self) -> dict[str, dict[str, Any]]:
        """The tests by their names."""
        found = json.loads(self.evidence)["tests"]
        return {each["node"].partition("::")[2]: each for each in found}

    @property
    def verdicts(self) -> dict[str, str]:
        """Verdict by test."""
        return {name: test["verdict"] for name, test in self.tests.items()}

    def message(self, name: str) -> str:
        """Why a test did not pass, in one line."""
        return " ".join(str(self.tests[name].get("message", "")).split())

    @property
    def flat(self) -> str:
        """The output with every run of blanks as one."""
        return " ".join(self.out.split())


class Running:
    """A run of pytest that has been started; killed at the end of a ``with`` when it still runs."""

    def __init__(self, folder: Path, options: list[str], environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._out = folder / "out.txt"
        with self._out.open("w") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "pytest", "--evidence", "evidence.json", *options],
                cwd=folder, env=dict(environment), stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
            )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def wait(self) -> Outcome:
        """Wait for its end."""
        try:
            code = self.process.wait(90)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the run hangs:\n{self._out.read_text()}") from None
        evidence = self._folder / "evidence.json"
        return Outcome(code, self._out.read_text(), evidence.read_text() if evidence.exists() else "")

    def said(self, text: str) -> None:
        """Wait until a file of that name lies in the project, which its tests made to say something."""
        until(lambda: (self._folder / text).exists() or self.process.poll() is not None, f"{text} was not said")
        assert (self._folder / text).exists(), self._out.read_text()


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait until something holds. Raises ``AssertionError`` when it does not."""
    end = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.01)


class Served:
    """``harness simulate`` as a process. options: behind which adapters or interface.

    It is started again whenever it has ended, unless the file ``leave`` lies in its folder; the number of the process
    that serves stands in the file ``served``, which is there as long as it does.
    """

    def __init__(self, bench: Path, *options: str) -> None:
        self._command = [sys.executable, "-m", "harness.cli", "simulate", str(bench), *options]
        self._told, self._leave = bench.with_name("served"), bench.with_name("leave")
        self._closing = False
        self._process = self._start()
        self._keeper = threading.Thread(target=self._keep, daemon=True)
        self._keeper.start()

    @property
    def pid(self) -> int:
        """Number of the process that serves."""
        return int(self._told.read_text())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._closing = True
        self._process.kill()
        self._keeper.join()
        self._leave.unlink(missing_ok=True)

    def _start(self) -> subprocess.Popen[str]:
        process = subprocess.Popen(self._command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert process.stdout is not None
        for line in process.stdout:
            if line.strip() == "serving":
                self._told.with_suffix(".new").write_text(str(process.pid))
                self._told.with_suffix(".new").rename(self._told)
                return process
        raise AssertionError(f"it does not serve: {process.wait()}")

    def _keep(self) -> None:
        while not self._closing:
            self._process.wait()
            self._told.unlink()
            assert self._process.stdout is not None
            self._process.stdout.close()
            while self._leave.exists() and not self._closing:
                time.sleep(0.01)
            if not self._closing:
                self._process = self._start()
                if self._closing:  # meanwhile
                    self._process.kill()


class Car:
    """The project: a folder with database, models, bench files and suites."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for each in (HERE / "car").iterdir():
            if each.is_file():
                shutil.copy(each, folder)
        (folder / "pytest.ini").write_text(INI)
        (folder / "conftest.py").write_text(CONFTEST.replace("{group}", GROUP))
        self.port = _free_port()
        self.environment = {name: text for name, text in os.environ.items() if name not in ("CI", "PYTEST_ADDOPTS")} | {
            "LIVE_PORT": str(self.port),
            "HARNESS_LEASES": str(folder / "leases"),
        }
        self.simulated = self.bench("simulated", None, nodes={"LAMP": "Lamp", "HORN": "Horn"})

    # -- bench files ---------------------------------------------------------------------------------------------------

    def bench(
        self, name: str, interface: str | None, *more: str, where: str = "./adapters/can",
        nodes: Mapping[str, str] = NODES, served: bool = True, options: str = "",
    ) -> Path:  # fmt: skip
        """Write a bench file. nodes: ``real``, ``absent``, or the class of its model. more: further lines, tables."""
        lines = [f'name = "{name}"', *(each for each in more if not each.lstrip().startswith("[")), "[channels.can]"]
        lines += ['database = "car.dbc"', 'bitrate = "500 kbit/s"']
        if interface is not None:
            lines += ['port = "can"', f'interface = "{interface}"']
            lines += [f'channel = "{where}"']
            lines += [f"options = {{ {options} }}"]
        lines += ["[plant]", 'model = "car_models:Garage"']
        for node, what in nodes.items():
            model = f'model = "car_models:{what}"' if what[0].isupper() else f'state = "{what}"'
            lines += [f"[nodes.{node}]", model]
        if interface is not None and served:
            lines += ["[served]", 'channel = "can"']
        lines += [each for each in more if each.lstrip().startswith("[")]
        path = self.folder / f"{name}.toml"
        path.write_text("\n".join(lines) + "\n")
        return path

    def slcan(self, name: str = "slcan", *more: str, where: str = "./adapters/can", **options: Any) -> Path:
        """A bench behind the emulated adapter."""
        return self.bench(name, "slcan", *more, where=where, **options)

    def udp(self, name: str = "udp", *more: str, **options: Any) -> Path:
        """A bench on the multicast group."""
        return self.bench(name, "udp_multicast", *more, where=GROUP, options=f"port = {self.port}", **options)

    # -- processes -----------------------------------------------------------------------------------------------------

    def serve_slcan(self, bench: Path | None = None) -> Served:
        """Serve the car behind an emulated adapter."""
        return Served(bench or self.simulated, "--slcan", "--links", str(self.folder / "adapters"))

    def serve_udp(self, bench: Path | None = None) -> Served:
        """Serve the car on the multicast group."""
        return Served(
            bench or self.simulated, "--interface", "udp_multicast", "--channel", f"can={GROUP}?port={self.port}"
        )

    def start(self, bench: Path, body: str, *options: str, **environment: str) -> Running:
        """Start a run of a suite in a process of its own."""
        head = "from conftest import *\nfrom harness import *\nfrom harness.errors import *\n"
        (self.folder / "test_it.py").write_text(f'"""A suite."""\n{head}\n{body}')
        (self.folder / "evidence.json").unlink(missing_ok=True)
        return Running(self.folder, ["--bench", str(bench), *options], self.environment | environment)

    def run(self, bench: Path, body: str, *options: str, **environment: str) -> Outcome:
        """Run a suite, and wait for its end."""
        with self.start(bench, body, *options, **environment) as running:
            return running.wait()


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])
