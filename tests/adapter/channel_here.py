"""A channel process that is a thread of the test's own process, with a driver under the test's control."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import Any

import pytest

from harness.adapter import client
from harness.adapter.client import Adapter
from harness.adapter.commands import Open, Opened
from harness.adapter.connection import TOKEN_BYTES, Connection, accept, connect, listen
from harness.adapter.items import Batch, Item, Report, Trouble
from harness.adapter.process import ChannelProcess
from harness.adapter.spec import AdapterSpec, Capabilities
from harness.errors import AdapterError
from harness.frames import Frame
from harness.loop import Loop, Owner
from harness.wall import clock_ns

WAIT_S = 30.0
SPEC = AdapterSpec("can", "scripted", "here", 500_000)


class ScriptedDriver:
    """Takes every frame at once, and hears what the test puts into ``heard``; each can be changed.

    take: called with each frame; its answer, or what it raises, is that of ``send``. heard: items, or what to raise.
    """

    def __init__(self, *, echo: bool = False) -> None:
        self.spec = SPEC
        self.capabilities = Capabilities("host", 0, echo, True, True, False, False, text="scripted")
        self.sent: list[tuple[int, Frame]] = []
        self.take: Callable[[Frame], bool] = lambda frame: True
        self.heard: SimpleQueue[Item | BaseException] = SimpleQueue()
        self.closed = threading.Event()
        self.reopenable = True
        self.recover: Callable[[], object] = lambda: None

    def send(self, frame: Frame) -> bool:
        if not self.take(frame):
            return False
        self.sent.append((clock_ns(), frame))
        return True

    def receive(self, timeout_s: float) -> Item | None:
        try:
            item = self.heard.get(timeout=timeout_s) if timeout_s else self.heard.get_nowait()
        except Empty:
            return None
        if isinstance(item, BaseException):
            raise item
        return item

    def reopen(self) -> None:
        if not self.reopenable:
            raise AdapterError("not there")

    def close(self) -> None:
        self.closed.set()

    def payloads(self, key: int) -> list[bytes]:
        return [frame.data for _, frame in list(self.sent) if frame.key == key]


class ChildHere:
    """Stands for :class:`harness.adapter.child.Child`."""

    pid = 0

    def __init__(self, driver: ScriptedDriver) -> None:
        self.obituary = ""
        self.process: ChannelProcess | None = None
        token = b"t" * TOKEN_BYTES
        with listen() as listener:
            inner = connect(f"127.0.0.1:{listener.getsockname()[1]}", token)
            outer = accept(listener, token, WAIT_S)
        assert outer is not None
        self.connection = Connection(outer, slice_s=0.5, patience_s=2.0)
        self._inner = Connection(inner, slice_s=WAIT_S, patience_s=None)
        self._driver: Any = driver
        self._thread = threading.Thread(target=self._serve, name="channel process here")
        self._thread.start()

    def _serve(self) -> None:
        opening: Open = self._inner.receive()[0]
        self.process = ChannelProcess(self._inner, opening, pickle.loads(opening.plans), self._driver)
        self._inner.send(Opened(self._driver.capabilities, "here"))
        self.process.run()

    def kill(self) -> None:
        self._inner.close()

    def end(self, timeout_s: float) -> None:
        self.connection.close()
        self._thread.join(WAIT_S)
        assert not self._thread.is_alive()
        self.obituary = "ended by the test"


class World:
    """A world on an adapter, as small as can be: it keeps what is reported, and plays it when it is asked to."""

    def __init__(self, adapter: Adapter, **options: Any) -> None:
        self.adapter = adapter
        self.batches: list[Batch] = []
        self._changed = threading.Condition()
        self._played = 0
        self.loop = Loop()
        self.origin = clock_ns()
        adapter.begin(self.origin, self._receive, **options)

    def _receive(self, batch: Batch) -> None:
        with self._changed:
            self.batches.append(batch)
            self._changed.notify_all()

    @property
    def items(self) -> list[Report]:
        with self._changed:
            return [item for batch in self.batches for item in batch.items]

    def of(self, kind: type[Any]) -> list[Any]:
        return [item for item in self.items if isinstance(item, kind)]

    def until(self, condition: Callable[[], object], what: str = "it") -> None:
        """Wait until something holds after a batch, having played what has come. At most :data:`WAIT_S`."""
        end = clock_ns() + round(WAIT_S * 1e9)
        while True:
            self.play()
            if condition():
                return
            with self._changed:
                left = (end - clock_ns()) / 1e9
                if left <= 0:
                    raise AssertionError(f"{what} has not come; troubles: {self.of(Trouble)}")
                self._changed.wait(min(left, 0.05))

    def play(self) -> None:
        items = self.items
        for item in items[self._played :]:
            self.adapter.apply(item, item.time - self.origin)
        self._played = len(items)

    def wait_for(self, kind: type[Any], count: int = 1) -> list[Any]:
        self.until(lambda: len(self.of(kind)) >= count, f"{count} of {kind.__name__}")
        return self.of(kind)

    def trouble(self, fatal: bool = True) -> str:
        self.until(lambda: any(each.fatal is fatal for each in self.of(Trouble)), "trouble")
        return str(next(each.text for each in self.of(Trouble) if each.fatal is fatal))

    def transmitter(self, node: str) -> Any:
        return self.adapter.transmitter(node, self.loop, Owner(node))


@contextmanager
def opened_here(
    monkeypatch: pytest.MonkeyPatch,
    driver: ScriptedDriver,
    plans: Any = None,
    drift_ppm: Any = None,
    spec: AdapterSpec = SPEC,
) -> Iterator[Adapter]:
    """An adapter whose channel process is a thread of this process."""
    monkeypatch.setattr(client, "Child", lambda: ChildHere(driver))
    adapter = Adapter(spec, plans, drift_ppm)
    adapter.open()
    try:
        yield adapter
    finally:
        adapter.close()
