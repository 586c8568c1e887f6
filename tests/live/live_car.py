"""A small car as a project of its own: served by ``harness simulate``, tested by a pytest in another process."""

from __future__ import annotations

import json
import os
import shutil
import signal
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

import can
from runs import Forge

from harness.adapter.stimulation import Operation, Request, subject_of

HERE = Path(__file__).parent
WAIT_S = 30.0
"""Only what hangs exceeds it."""

NODES = {"LAMP": "real", "HORN": "real", "PEDAL": "absent"}
GROUP = "239.74.163.77"

INI = """
[pytest]
addopts = --strict-markers -p no:cacheprovider -p no:allure_pytest -W error
"""

CONFTEST = '''
"""What the suites of the small car have beside the bench."""

import os
import signal
import sys
import time

import can
import pytest

CONFIGS, LATER, AT_END = [], [], []


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


def pytest_unconfigure():
    while AT_END:
        AT_END.pop()()


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

    def __init__(
        self, forge: Forge, folder: Path, name: str, options: list[str], environment: Mapping[str, str]
    ) -> None:
        self._forge, self._folder = forge, folder
        self._out, self._evidence = folder / f"{name}.txt", folder / f"{name}.json"
        for each in (self._out, self._evidence):
            each.unlink(missing_ok=True)
        self.pid = forge.start(["--evidence", f"{name}.json", *options], folder, environment, self._out)
        self._code: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        if not self.ended():
            os.kill(self.pid, signal.SIGKILL)
            self._code = self._forge.code(self.pid, WAIT_S)

    @property
    def out(self) -> str:
        """What it has printed so far."""
        return self._out.read_text() if self._out.exists() else ""

    def ended(self, within_s: float = 0.0) -> bool:
        """Whether it has ended, or does within so many s."""
        if self._code is None:
            self._code = self._forge.code(self.pid, within_s)
        return self._code is not None

    def wait(self) -> Outcome:
        """Wait for its end."""
        assert self.ended(120.0), f"the run hangs:\n{self.out}"
        assert self._code is not None
        evidence = self._evidence.read_text() if self._evidence.exists() else ""
        return Outcome(self._code, self.out, evidence)

    def says(self, name: str) -> None:
        """Wait until a file of that name lies in the project: its tests make one to say something."""
        until(lambda: (self._folder / name).exists() or self.ended(), f"{name} was not said")
        assert (self._folder / name).exists(), self.out


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
            self._told.unlink(missing_ok=True)
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

    def __init__(self, folder: Path, forge: Forge) -> None:
        self.folder, self._forge = folder, forge
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
        reconnect: bool = False,
    ) -> Path:  # fmt: skip
        """Write a bench file. nodes: ``real``, ``absent``, or the class of its model. more: further lines, tables."""
        lines = [f'name = "{name}"', *(each for each in more if not each.lstrip().startswith("[")), "[channels.can]"]
        lines += ['database = "car.dbc"', 'bitrate = "500 kbit/s"']
        if interface is not None:
            lines += ['port = "can"', f'interface = "{interface}"']
            lines += [f'channel = "{where}"']
            lines += [f"options = {{ {options} }}", f"reconnect = {str(reconnect).lower()}"]
        lines += ["[plant]", 'model = "car_models:Garage"']
        for node, what in nodes.items():
            model = f'model = "car_models:{what}"' if what[0].isupper() else f'state = "{what}"'
            lines += [f"[nodes.{node}]", model]
        if interface is not None and served:
            lines += ["[served]", 'channel = "can"']
        if interface is not None and not any("[monitors]" in each for each in more):
            # However busy this machine is: what it makes the tester leave out is no doubt about these tests.
            lines += ["[monitors]", 'absolute = "60 s"']
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

    def start(self, bench: Path, body: str, *options: str, name: str = "it", **environment: str) -> Running:
        """Start a run of a suite in a process of its own."""
        head = "from conftest import *\nfrom harness import *\nfrom harness.errors import *\n"
        (self.folder / f"test_{name}.py").write_text(f'"""A suite."""\n{head}\n{body}')
        return Running(
            self._forge, self.folder, name, [f"test_{name}.py", "--bench", str(bench), *options],
            self.environment | environment,
        )  # fmt: skip

    def tell(self, identifier: int, *data: int) -> None:
        """Send a frame to the multicast group."""
        self._send(can.Message(arbitration_id=identifier, data=data, is_extended_id=False))

    def ask(self, operation: Operation, subject: str) -> None:
        """Send a stimulation frame to the multicast group."""
        frame = Request(operation, 254, subject_of(subject)).frame()
        self._send(can.Message(arbitration_id=frame.id, data=frame.data))

    def _send(self, message: can.Message) -> None:
        with can.Bus(interface="udp_multicast", channel=GROUP, port=self.port, fd=False) as bus:
            bus.send(message)

    def run(self, bench: Path, body: str, *options: str, **environment: str) -> Outcome:
        """Run a suite, and wait for its end."""
        with self.start(bench, body, *options, **environment) as running:
            return running.wait()


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])
