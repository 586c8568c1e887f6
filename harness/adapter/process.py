"""The channel process: it owns one real CAN channel, stamps what comes and sends what is due.

``python -m harness.adapter.process HOST:PORT`` is started by :class:`harness.adapter.client.Adapter`, with a token on
its standard input that tells the test process who it is. Neither its schedule nor its stamps depend on what the test
process is busy with. Three threads: the main one obeys commands and sends, one reads the driver, one hands over what
there is to report. It ends when the connection does.
"""

from __future__ import annotations

import os
import pickle
import select
import signal
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from harness.adapter.commands import Begin, Close, Closed, Command, End, Open, Opened, Recover, Refused
from harness.adapter.connection import TOKEN_BYTES, Connection, Garbled, connect
from harness.adapter.items import Done, Trouble
from harness.adapter.outbox import Outbox
from harness.adapter.receiver import Receiver
from harness.adapter.remote_world import RemoteWorld
from harness.adapter.scheduling import hurry, settle
from harness.adapter.spec import AdapterSpec
from harness.errors import AdapterLost, Blocked, ConfigError, HarnessError
from harness.restbus import MessagePlan
from harness.wall import clock_ns

if TYPE_CHECKING:
    from harness.adapter.driver import Driver

LOOK_NS = 50_000_000
"""How often it looks at least whether it is to end, and whether all is well, ns."""
END_S = 0.8
"""How long the end may take, s; then the process ends the hard way, which closes everything too."""
AT_ONCE = 32
"""Commands that are obeyed before it is seen again what is due."""
BROKEN = 70
"""Exit code after an exception that was no fault of a world's (``EX_SOFTWARE`` of ``sysexits.h``)."""


class ChannelProcess:
    """The process after it has opened its adapter."""

    def __init__(
        self, connection: Connection, opening: Open, plans: Mapping[str, tuple[MessagePlan, ...]], driver: Driver
    ) -> None:
        self._connection, self._opening, self._plans, self._driver = connection, opening, plans, driver
        self._outbox = Outbox(clock_ns)
        self._receiver = Receiver(driver, self._outbox, clock_ns)
        self._threads = [
            threading.Thread(target=partial(self._guarded, part), name=f"harness {name}", daemon=True)
            for name, part in (
                ("receiver", self._receiver.run),
                ("reports", self._hand_over),
            )
        ]
        self._world: RemoteWorld | None = None
        self._commands: deque[Command] = deque()
        self._told_hanging = False
        self._check_at = 0
        self._parent = os.getppid()
        self.ending = False
        self.code = 0

    # -- the main thread -----------------------------------------------------------------------------------------------

    def run(self) -> int:
        """Obey and send until the connection ends or says so; returns the exit code."""
        for thread in self._threads:
            thread.start()
        try:
            while not self.ending:
                self._look_around()
        except EOFError:
            pass  # the test process is gone
        except BaseException as error:  # noqa: BLE001  # reported, with its traceback
            self._fail("".join(traceback.format_exception(error)))
        last_resort = threading.Timer(END_S, partial(os._exit, BROKEN))
        last_resort.daemon = True
        last_resort.start()
        with suppress(AdapterLost):
            if self._end():
                self._connection.send(Closed())
        self._connection.close()
        last_resort.cancel()
        return self.code

    def _look_around(self) -> None:
        """Wait for a command or for the next instant; do what it asks for."""
        now = clock_ns()
        due = self._world.due_ns if self._world is not None else now + LOOK_NS
        wait = 0 if self._commands else max(0, min(due - now, LOOK_NS))
        # Also with no time to spare: a command has to get through whatever is due.
        if select.select([self._connection], [], [], wait / 1e9)[0]:
            self._listen()
        with self._outbox.turn:
            if self._world is not None:
                self._outbox.was_late(clock_ns() - due)
            self._in_world(self._advance)
            for _ in range(min(AT_ONCE, len(self._commands))):
                self._in_world(partial(self._obey, self._commands.popleft()))
                if self._world is not None and self._world.due_ns <= clock_ns():
                    break
            if now >= self._check_at:
                self._check_at = now + LOOK_NS
                self._check()

    def _listen(self) -> None:
        try:
            self._commands.extend(self._connection.receive())
        except Garbled as error:
            self._fail(f"the test process sent {error}")

    def _advance(self) -> None:
        if self._world is not None:
            self._world.advance()

    def _in_world(self, step: Callable[[], object]) -> None:
        """Do something that a world's own code may break: then that world ends, and the next one may begin."""
        try:
            step()
        except BaseException as error:  # noqa: BLE001  # reported, with its traceback
            self._end_world()
            broken = not isinstance(error, Blocked)
            text = "".join(traceback.format_exception(error)) if broken else str(error)
            self._outbox.put(Trouble(clock_ns(), f"the channel process sends nothing more: {text}", True, broken))

    def _obey(self, command: Command) -> None:
        if isinstance(command, Begin):
            self._begin(command)
        elif isinstance(command, End):
            self._end_world()
            self._outbox.put(Done(clock_ns(), (command.ticket,)))
        elif isinstance(command, Recover):
            self._receiver.recover()
        elif isinstance(command, Close):
            self.ending = True
        elif self._world is not None:
            self._world.obey(command)

    def _begin(self, command: Begin) -> None:
        self._end_world()
        world = RemoteWorld(
            self._opening.spec.channel, self._plans, self._opening.drift_ppm, command.origin_ns,
            self._driver, self._outbox, clock_ns, echo=self._driver.capabilities.echo,
            cyclic=self._driver.cyclic if self._opening.spec.cyclic == "kernel" else None,
        )  # fmt: skip
        world.advance()
        self._world, self._receiver.output = world, world.output
        self._receiver.reconnect = command.reconnect
        self._outbox.put(Done(clock_ns(), (command.ticket,)))
        if self._receiver.lost:
            world.output.lost = True
            self._outbox.put(Trouble(clock_ns(), f"{self._receiver.lost} (still)", not command.reconnect, lost=True))

    def _end_world(self) -> None:
        if self._world is not None:
            self._world.stop()
            self._world = self._receiver.output = None

    def _check(self) -> None:
        """Whether something has lasted too long."""
        if os.getppid() != self._parent:
            self.ending = True  # a child that the test process had forked may still hold the connection
        trouble = self._world.output.trouble() if self._world is not None else None
        if trouble is not None:
            self._outbox.put(trouble)
        hanging = self._receiver.hanging()
        if hanging is not None and not self._told_hanging:
            self._outbox.put(Trouble(clock_ns(), hanging, True))
        self._told_hanging = hanging is not None

    # -- the end -------------------------------------------------------------------------------------------------------

    def _guarded(self, part: Callable[[], object]) -> None:
        """Run a thread whose end, whatever it is, is the end of the process."""
        try:
            part()
        except BaseException as error:  # noqa: BLE001  # reported, with its traceback
            self._fail("".join(traceback.format_exception(error)))

    def _hand_over(self) -> None:
        with suppress(AdapterLost):  # the test process is gone
            self._outbox.deliver(self._connection)
        self.ending = True

    def _fail(self, text: str) -> None:
        sys.stderr.write(f"{text}\n")
        self.code = BROKEN
        self.ending = True
        with self._outbox.turn:
            self._outbox.put(Trouble(clock_ns(), f"the channel process ends: {text}", True, True))

    def _end(self) -> bool:
        """Be silent, and close the adapter. Returns whether that is certain."""
        with self._outbox.turn:
            self._end_world()
        self._receiver.close()
        closed = True
        try:
            self._driver.close()
        except HarnessError as error:
            closed = False
            with self._outbox.turn:
                self._outbox.put(Trouble(clock_ns(), str(error), False))
        with self._outbox.turn:
            self._outbox.close()
        for thread in self._threads:
            thread.join()
        return closed and not self.code


def main() -> int:
    """Open the adapter as the first command says, and serve it."""
    for number in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, number):
            # They go to all processes of a terminal, of a container, of a runner's job: what they mean is decided in
            # the test process, which needs its channels until the bench is safe. This one ends when it is told to.
            signal.signal(getattr(signal, number), signal.SIG_IGN)
    token = sys.stdin.buffer.read(TOKEN_BYTES)
    connection = Connection(connect(sys.argv[1], token), slice_s=10.0, patience_s=None)
    try:
        opening = _first(connection)
        sys.path += [path for path in opening.path if path not in sys.path]
        driver = _driver(opening.spec)
        plans: dict[str, tuple[MessagePlan, ...]] = pickle.loads(opening.plans)
    except EOFError:
        return 0
    except HarnessError as error:
        connection.send(Refused(isinstance(error, Blocked), str(error)))
        connection.close()
        return 0
    scheduling = hurry()
    process = ChannelProcess(connection, opening, plans, driver)
    settle()
    connection.send(Opened(driver.capabilities, scheduling))
    return process.run()


def _driver(spec: AdapterSpec) -> Driver:
    """Open the adapter, without what python-can takes along for a file format: half a second and 100 MB."""
    sys.modules.setdefault("asammdf", None)  # type: ignore[arg-type]  # "is not installed", for whoever imports it
    from harness.adapter.driver import Driver

    driver = Driver(spec)
    if spec.cyclic == "kernel" and not driver.capabilities.kernel_cyclic:
        driver.close()
        raise ConfigError(
            f'channel {spec.channel!r} has cyclic = "kernel", but the kernel sends nothing on {spec}, only on '
            'interface "socketcan"; say cyclic = "process" in the bench file, or leave it out'
        )
    return driver


def _first(connection: Connection) -> Open:
    """The first command, however many pieces it comes in."""
    while True:
        commands = connection.receive()
        if commands:
            opening: Open = commands[0]
            return opening


if __name__ == "__main__":
    raise SystemExit(main())
