"""Real channel processes: started, stopped, killed, orphaned. Waits are wide: only what hangs exceeds them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from harness.adapter import child, connection
from harness.adapter.client import Adapter
from harness.adapter.items import Heard, Missed, Reopened, Sent, Trouble
from harness.adapter.spec import AdapterSpec
from harness.errors import AdapterError, AdapterLost, ConfigError
from harness.frames import Frame
from harness.wall import clock_ns
from tests.adapter.channel_here import WAIT_S, World
from tests.restbus.scripted_port import MS, PLANS

ROOT = Path(__file__).parents[2]
GROUP = "239.74.163.62"
SPEED = replace(PLANS["Speed"], start_delay_ns=0)
POSIX = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

pytest.importorskip("msgpack", reason="python-can's udp_multicast needs msgpack")


@pytest.fixture
def port() -> int:
    """A port that nobody else uses at the moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def adapter(port: int) -> Iterator[Adapter]:
    adapter = Adapter(multicast(port), {"BODY": (SPEED, PLANS["Door"])})
    adapter.open()
    yield adapter
    adapter.close()


def multicast(port: int, channel: str = "can") -> AdapterSpec:
    return AdapterSpec(channel, "udp_multicast", GROUP, 500_000, options={"port": port})


def started(adapter: Adapter, **options: Any) -> World:
    world = World(adapter, **options)
    world.transmitter("BODY").start()
    world.wait_for(Sent, 5)
    return world


def until(condition: Callable[[], object], seconds: float = WAIT_S) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def exists(pid: int) -> bool:
    """Whether a process runs. A dead one that nobody has waited for yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


# -- opening and closing ----------------------------------------------------------------------------------------------


def test_it_opens_hears_and_closes_with_a_confirmation(port: int) -> None:
    one, other = Adapter(multicast(port)), Adapter(multicast(port, "other"))
    one.open()
    other.open()
    assert one.capabilities.echo and one.scheduling and one.pid != os.getpid()
    world, observer = World(one), World(other)
    one.send("tester", Frame(0x123, b"\x01"))
    (heard,) = observer.wait_for(Heard)
    (sent,) = world.wait_for(Sent)
    assert heard.frame == sent.frame and sent.node == "tester"
    assert abs(heard.time - sent.time) < 50 * MS, "both stamps are those of one machine's kernel; wide"
    pid = one.pid
    assert one.close() and other.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid or 0, 0)
    one.open()
    World(one).until(lambda: True)
    assert one.close()


@pytest.mark.parametrize(
    ("spec", "error", "why"),
    [
        (AdapterSpec("can", "no_such_interface", "x", 500_000), (ConfigError, AdapterError), "no_such_interface"),
        (AdapterSpec("can", "slcan", "/dev/no_such_port", 500_000), AdapterError, "/dev/no_such_port"),
    ],
)
def test_an_adapter_that_cannot_be_opened_says_why(spec: AdapterSpec, error: type[Exception], why: str) -> None:
    adapter = Adapter(spec)
    with pytest.raises(error, match=why):
        adapter.open()
    assert not adapter.alive and adapter.pid is None
    adapter.close()


def test_a_process_that_does_not_start_says_how_it_ended(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONHOME", "/nowhere")
    with pytest.raises(AdapterLost, match=r"(?s)did not start: ended by exit code 1; it wrote:.*encodings"):
        Adapter(multicast(port)).open()


def test_a_stranger_is_not_taken_for_the_process(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    listen = connection.listen
    strangers: list[socket.socket] = []

    def disturbed() -> socket.socket:
        listener = listen()
        strangers.append(socket.create_connection(listener.getsockname()))
        strangers[0].sendall(b"I am the process, believe me: let me in")
        return listener

    monkeypatch.setattr(child, "listen", disturbed)
    adapter = Adapter(multicast(port))
    adapter.open()
    World(adapter).until(lambda: True)
    assert adapter.close()
    strangers[0].close()


def test_what_it_imports_is_little() -> None:
    code = (
        "import sys; sys.argv = ['x']; import harness.adapter.process as process; "
        "process.sys.modules.setdefault('asammdf', None); import harness.adapter.driver; print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    found = {name.partition(".")[0] for name in done.stdout.split()}
    assert found.isdisjoint({"pytest", "hypothesis", "allure", "numpy", "cantools", "pandas", "_pytest"})


# -- the process ends, or stands still --------------------------------------------------------------------------------


@POSIX
def test_a_killed_process_is_fatal_and_can_be_started_again(adapter: Adapter) -> None:
    world = started(adapter)
    os.kill(adapter.pid or 0, signal.SIGKILL)
    assert "is dead: it was ended by signal 9 (SIGKILL)" in world.trouble()
    assert not adapter.alive and adapter.statistics().total.frames >= 5
    with pytest.raises(AdapterLost, match="SIGKILL"):
        world.transmitter("BODY").message("Speed").set({"VehicleSpeed": 5})
    with pytest.raises(AdapterLost, match="SIGKILL"):
        World(adapter)
    adapter.end()
    adapter.open()
    started(adapter)
    assert adapter.close()


@POSIX
def test_a_process_that_is_stopped_is_fatal_and_leaves_out_what_it_missed(adapter: Adapter) -> None:
    world = started(adapter)
    pid = adapter.pid or 0
    os.kill(pid, signal.SIGSTOP)
    try:
        assert "has given no sign of life for 2 s" in world.trouble()
    finally:
        os.kill(pid, signal.SIGCONT)
    # Others are missed where the machine is busy: this one is 2 s long.
    world.until(lambda: any(each.cycles >= 150 for each in world.of(Missed)))
    missed = max(world.of(Missed), key=lambda each: each.cycles)
    assert (missed.node, missed.message) == ("BODY", "Speed") and missed.cycles < 2000
    text = f"{missed.cycles} frames of 1 messages were left out"
    world.until(lambda: any(text in each.text for each in world.of(Trouble)))
    assert [text in each.text for each in world.of(Trouble) if each.fatal] == [False]
    before = [each for each in world.of(Sent) if each.time < missed.time]
    world.until(lambda: len(world.of(Sent)) > len(before) + 5)
    after = world.of(Sent)[len(before) :]
    due = [each.time - each.late_ns for each in after]
    gaps = [later - earlier for earlier, later in pairwise(due)]
    assert all(gap > 5 * MS for gap in gaps), "no burst"
    assert SPEED.protector is not None
    counters = [SPEED.protector.check(each.frame.data).counter for each in (before[-1], *after)]
    assert counters == [(counters[0] + number) % 15 for number in range(len(counters))]
    assert adapter.statistics().messages["Speed"].lost == missed.cycles
    assert len([each for each in world.of(Trouble) if each.fatal]) == 1


@POSIX
def test_a_stopped_process_is_ended_the_hard_way(adapter: Adapter) -> None:
    World(adapter)
    os.kill(adapter.pid or 0, signal.SIGSTOP)
    assert not adapter.close()
    assert adapter.pid is None


@POSIX
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_to_the_whole_group_is_the_test_process_own_affair(adapter: Adapter, name: str) -> None:
    world = started(adapter)
    os.kill(adapter.pid or 0, getattr(signal, name))
    world.wait_for(Sent, len(world.of(Sent)) + 20)
    assert adapter.close()


# -- its parent is gone -----------------------------------------------------------------------------------------------

PARENT = """
import os, sys, time
sys.path.insert(0, {root!r})
from tests.adapter.test_client_process import Adapter, SPEED, multicast, started
adapter = Adapter(multicast({port}), {{"BODY": (SPEED,)}})
adapter.open()
started(adapter)
if {fork}:
    if not os.fork():
        time.sleep(60)
        os._exit(0)
print(adapter.pid, flush=True)
time.sleep(60)
"""


@LINUX
@pytest.mark.parametrize("fork", [False, True], ids=["alone", "with a forked child that holds the connection"])
def test_when_the_parent_is_killed_the_process_ends_and_its_bus_is_silent(port: int, fork: bool) -> None:
    listener = Adapter(multicast(port, "listener"))
    listener.open()
    heard = World(listener)
    code = PARENT.format(root=str(ROOT), port=port, fork=fork)
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        heard.wait_for(Heard, 5)
        parent.kill()
        killed_at = clock_ns()
        until(lambda: not exists(pid))
        gone_at = clock_ns()
        heard.until(lambda: heard.batches[-1].complete_ns > gone_at + 100 * MS)
        assert heard.of(Heard)[-1].time < killed_at + 5_000 * MS
    finally:
        os.killpg(parent.pid, signal.SIGKILL)
        parent.communicate()
        listener.close()


# -- a serial adapter is pulled and put back --------------------------------------------------------------------------


@POSIX
def test_a_serial_adapter_is_unplugged_and_plugged_in_again(tmp_path: Path) -> None:
    pytest.importorskip("serial", reason="python-can's slcan driver needs pyserial")
    from harness.serve.slcan import SlcanLine

    def plugged() -> SlcanLine:
        line = SlcanLine()
        line.start(lambda frame, at: received.append(frame))
        port.unlink(missing_ok=True)
        port.symlink_to(line.name)
        return line

    received: list[Frame] = []
    port = tmp_path / "stick"
    line = plugged()
    adapter = Adapter(AdapterSpec("can", "slcan", str(port), 500_000), {"BODY": (SPEED,)})
    adapter.open()
    try:
        world = started(adapter, reconnect=True)
        assert not adapter.capabilities.echo
        line.close()
        assert "is gone" in world.trouble(fatal=False)
        line = plugged()
        world.wait_for(Reopened)
        count = len(received)
        until(lambda: len(received) > count + 5)
        strict = started(adapter)
        line.close()
        assert "is gone" in strict.trouble()
        line = plugged()
        strict.wait_for(Reopened)
        started(adapter)
        assert adapter.close()
    finally:
        adapter.close()
        line.close()


@LINUX
def test_threads_do_not_grow_with_the_messages(port: int) -> None:
    counts = []
    for number in (1, 60):
        plans = tuple(
            replace(SPEED, message=replace(SPEED.message, id=0x100 + each, name=f"Speed{each}"), protection=None)
            for each in range(number)
        )
        adapter = Adapter(multicast(port), {"BODY": plans})
        adapter.open()
        started(adapter)
        counts.append(len(os.listdir(f"/proc/{adapter.pid}/task")))
        adapter.close()
    assert counts[0] == counts[1] <= 4
