"""Listening to a bench's channels, each in a thread of its own, and never sending."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from threading import Event, Thread
from typing import Protocol

from harness.adapter.items import Item, Overrun
from harness.adapter.spec import AdapterSpec, Capabilities
from harness.bench.blueprint import Blueprint
from harness.bench.file import BenchFile
from harness.errors import AdapterError, AdapterLost, ConfigError, nearest
from harness.screen.observed import Observation, Trouble
from harness.screen.snapshot import Snapshot, Wanted, snapshot
from harness.wall import clock_ns

RETRY_S = 0.5
"""After how long it is tried again to open an adapter that is gone, s."""

MOST_WAITING = 200_000
"""What may wait per channel to be counted, while the terminal takes nothing; more is lost, and said to be."""

_LOOK_S = 0.2
_SERIAL = frozenset({"slcan", "serial", "seeedstudio", "robotell"})


class Ear(Protocol):
    """What is needed of :class:`harness.adapter.driver.Driver`."""

    @property
    def capabilities(self) -> Capabilities: ...

    def receive(self, timeout_s: float) -> Item | None: ...

    def reopen(self) -> None: ...

    def close(self) -> None: ...


Opener = Callable[[AdapterSpec], Ear]


class Listening:
    """Listens to channels of a bench from :meth:`start` to :meth:`close`.

    specs: the adapters by channel, see :func:`adapters`. Raises :class:`~harness.errors.AdapterError` and
    :class:`~harness.errors.ConfigError` for one that cannot be opened; then none is.
    """

    def __init__(self, blueprint: Blueprint, specs: Sequence[AdapterSpec], open_adapter: Opener) -> None:
        self.fault: Exception | None = None
        """What went wrong in a listener, beyond an adapter that is gone: nothing is heard on its channel any more."""
        self._blueprint = blueprint
        self._heard: dict[str, deque[Item | Trouble]] = {spec.channel: deque() for spec in specs}
        self._ending = Event()
        self._adapters: dict[str, Ear] = {}
        try:
            for spec in specs:
                self._adapters[spec.channel] = open_adapter(spec)
        except BaseException:
            self._close_adapters()
            raise
        self._observation = self._begun()
        self._threads = [
            Thread(target=self._listen, args=each, name=f"harness monitor {each[0]}", daemon=True)
            for each in self._adapters.items()
        ]

    def start(self) -> None:
        """Begin to listen."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Stop, and leave all adapters."""
        self._ending.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()
        self._close_adapters()

    def reset(self) -> None:
        """Forget everything that was heard so far."""
        self.fold()
        self._observation = self._begun()

    def fold(self) -> None:
        """Take into account what was heard since the last time. To be called a few times per second."""
        for channel, heard in self._heard.items():
            take = self._observation.channels[channel].take
            for _ in range(len(heard)):
                take(heard.popleft())

    def shot(self, wanted: Wanted) -> Snapshot:
        """What is to be shown now."""
        self.fold()
        return snapshot(self._observation, clock_ns(), wanted)

    def _begun(self) -> Observation:
        stamps = {channel: adapter.capabilities.stamps for channel, adapter in self._adapters.items()}
        return Observation(self._blueprint, stamps, clock_ns())

    # -- the listeners' threads: they only note, since whoever counts and draws would keep them from reading ----------

    def _listen(self, channel: str, adapter: Ear) -> None:
        try:
            while not self._ending.is_set():
                try:
                    item = adapter.receive(_LOOK_S)
                except AdapterLost as error:
                    self._take(channel, Trouble(clock_ns(), str(error)))
                    self._find_again(channel, adapter)
                else:
                    if item is not None:
                        self._take(channel, item)
        except Exception as error:  # noqa: BLE001  # kept, and told by whoever owns this
            self.fault = self.fault or error

    def _find_again(self, channel: str, adapter: Ear) -> None:
        while not self._ending.wait(RETRY_S):
            try:
                adapter.reopen()
            except AdapterError:
                continue  # it is still not there, which has been told
            self._take(channel, Trouble(clock_ns(), ""))
            return

    def _take(self, channel: str, item: Item | Trouble) -> None:
        heard = self._heard[channel]
        if len(heard) < MOST_WAITING:
            heard.append(item)
        else:
            last = heard[-1]
            lost = last.lost + 1 if isinstance(last, Overrun) else 2
            heard[-1] = Overrun(item.time, lost, "the monitor did not keep up")

    def _close_adapters(self) -> None:
        for adapter in self._adapters.values():
            adapter.close()


@contextmanager
def listening(blueprint: Blueprint, specs: Sequence[AdapterSpec], open_adapter: Opener) -> Iterator[Listening]:
    """A :class:`Listening` that has started, closed in the end."""
    found = Listening(blueprint, specs, open_adapter)
    try:
        found.start()
        yield found
    finally:
        found.close()


def adapters(file: BenchFile, wanted: Sequence[str], *, acknowledge: bool) -> list[AdapterSpec]:
    """The adapters to listen to: of all channels that have one, or of the ``wanted`` ones.

    acknowledge: take part in the bus as a receiver does; else not even that, where the interface can. Raises
    :class:`~harness.errors.ConfigError` for a channel that the bench does not have, and where all are simulated.
    """
    known: Mapping[str, AdapterSpec | None] = {channel.name: channel.adapter for channel in file.channels}
    for name in wanted:
        if name not in known:
            hint = nearest(name, known) or f"; it has {', '.join(known)}"
            raise ConfigError(f"{file.path} has no channel {name!r}{hint}")
    chosen = {name: spec for name, spec in known.items() if not wanted or name in wanted}
    specs = [replace(spec, listen_only=not acknowledge) for spec in chosen.values() if spec is not None]
    if not specs:
        verb = "is" if len(chosen) == 1 else "are"
        raise ConfigError(
            f"{file.path}: {' and '.join(chosen)} {verb} simulated, so there is no adapter to listen to: serve the "
            f"vehicle with `harness simulate {file.path} --interface udp_multicast ...`, and monitor a bench file "
            'whose channels have port = "can"'
        )
    return specs


def exclusive(file: BenchFile, specs: Sequence[AdapterSpec]) -> BenchFile:
    """The same bench with nothing but what two programs cannot have at a time: serial ports among ``specs``."""
    names = {spec.channel for spec in specs if spec.interface in _SERIAL}
    channels = tuple(channel for channel in file.channels if channel.name in names)
    return replace(file, channels=channels, instruments=())
