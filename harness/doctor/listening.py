"""Hearing a channel without being noticed: which interfaces can, and one bounded attempt to do it.

An adapter that takes part in a bus acknowledges frames, and at a wrong bit rate destroys them with error flags. So a
channel is opened only where its controller stays silent, or where opening it does not touch the controller.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from enum import Enum
from threading import Event, Thread
from typing import Protocol

from harness.adapter.diagnosis import Diagnosis
from harness.adapter.items import Error, Heard, Item
from harness.adapter.spec import AdapterSpec, Capabilities
from harness.adapter.traits import traits_of
from harness.errors import AdapterError, ConfigError
from harness.frames import Frame
from harness.wall import clock_ns

OPEN_LIMIT_S = 3.0
"""An adapter that has not opened by then hangs, s."""
CLOSE_LIMIT_S = 2.0
OTHER_RATES = (500_000, 250_000, 125_000, 1_000_000, 100_000, 83_300)
"""Bit rates that are tried, listen-only, where nothing is heard at the one of the bench file; bit/s."""
OTHER_S = 0.3
"""For how long each of them, s. Nodes of a vehicle that is awake send much more often."""
ENOUGH_FRAMES = 3
"""Frames that show that a bit rate is the right one: each has passed its CRC."""
_POLL_S = 0.05
KEPT_STAMPS = 100_000


class Manner(Enum):
    """How a channel can be heard without taking part in its bus."""

    ASKED = "listen only"
    SYSTEM = "as the system has set the link"
    VIRTUAL = "no bus that could be disturbed"
    ACTIVE = "takes part in the bus"


_SYSTEM = frozenset({"socketcan", "socketcand"})
_VIRTUAL = frozenset({"udp_multicast", "virtual", "harness"})


def manner_of(spec: AdapterSpec) -> Manner:
    """How the harness can listen on this channel.

    >>> manner_of(AdapterSpec("body", "slcan", "/dev/ttyACM0", 500_000)).name
    'ASKED'
    >>> manner_of(AdapterSpec("body", "gs_usb", "0", 500_000)).name
    'ACTIVE'
    """
    if spec.interface in _VIRTUAL:
        return Manner.VIRTUAL
    if spec.interface in _SYSTEM:
        return Manner.SYSTEM
    return Manner.ASKED if traits_of(spec.interface).listen_only is not None else Manner.ACTIVE


def silent(spec: AdapterSpec) -> AdapterSpec:
    """The same channel, to be opened listen-only; options of the bench file that would undo that are left out."""
    undoing = traits_of(spec.interface).listen_only or {}
    kept = {name: value for name, value in spec.options.items() if name not in undoing}
    return replace(spec, options=kept, listen_only=manner_of(spec) is Manner.ASKED)


class OpenChannel(Protocol):
    """What doctor needs of a :class:`harness.adapter.driver.Driver`."""

    capabilities: Capabilities

    def send(self, frame: Frame) -> bool:
        """See the driver."""

    def receive(self, timeout_s: float) -> Item | None:
        """See the driver."""

    def close(self) -> None:
        """See the driver."""


Opener = Callable[[AdapterSpec], OpenChannel]


@dataclass(slots=True)
class Listened:
    """What listening to a channel brought. All times by :func:`~harness.wall.clock_ns`, spans in ns.

    diagnosis: the fold over everything that came. stamps: of the frames, in the order in which they came, the first
    :data:`KEPT_STAMPS`. fd: CAN FD frames. said: what the adapter said of error frames. contents: each frame, with how
    often it came. rate: at which bit rate frames come instead of the bench file's; None: at none that was tried.
    problem: why listening ended early, None when it did not. hangs: what the adapter was doing when it was given up, ""
    when it was not.
    """

    diagnosis: Diagnosis
    capabilities: Capabilities | None = None
    opened_in: int = 0
    span: int = 0
    stamps: list[int] = field(default_factory=list)
    fd: int = 0
    said: Counter[str] = field(default_factory=Counter)
    contents: Counter[Frame] = field(default_factory=Counter)
    rate: int | None = None
    problem: Exception | None = None
    hangs: str = ""


class Listener:
    """Listens to one channel in a thread of its own, so that an adapter that hangs keeps nobody waiting.

    diagnosis: of this channel; it is begun anew when the channel is open. open_channel: opens a spec, and never for
    sending: nothing here calls ``send``.
    """

    def __init__(self, spec: AdapterSpec, diagnosis: Diagnosis, seconds: float, open_channel: Opener) -> None:
        self.spec = spec
        self.listened = Listened(diagnosis)
        self._seconds = seconds
        self._open = open_channel
        self._given_up = Event()
        self._doing = "opening", clock_ns()  # and since when
        self._thread = Thread(target=self._run, name=f"doctor listens to {spec}", daemon=True)
        self._thread.start()

    def result(self) -> Listened:
        """What was heard; an adapter that hangs is given up within a bounded time."""
        limits = {
            "opening": OPEN_LIMIT_S,
            "listening": self._seconds + CLOSE_LIMIT_S,
            "closing": CLOSE_LIMIT_S,
            "trying other bit rates": len(OTHER_RATES) * OTHER_S + CLOSE_LIMIT_S,
        }
        while self._thread.is_alive():
            doing, since = self._doing
            if clock_ns() - since > limits[doing] * 1e9:
                self._given_up.set()  # whenever it comes back, it closes the channel
                # The thread may still write into its own result; nobody else looks at that any more.
                return Listened(self.listened.diagnosis, opened_in=clock_ns() - since, hangs=doing)
            self._thread.join(_POLL_S)
        return self.listened

    def stop(self) -> None:
        """Stop early, and wait until the channel is closed, if it does close."""
        self._given_up.set()
        self._thread.join(CLOSE_LIMIT_S)

    def _run(self) -> None:
        try:
            self._listen()
            heard = self.listened.diagnosis.heard
            if not heard and manner_of(self.spec) is Manner.ASKED and not self._given_up.is_set():
                self._doing = "trying other bit rates", clock_ns()
                self.listened.rate = self._other_rate()
        except Exception as error:  # noqa: BLE001  # becomes a finding, whatever a vendor's library raises
            self.listened.problem = error

    def _listen(self) -> None:
        listened = self.listened
        began = clock_ns()
        channel = self._open(silent(self.spec))
        try:
            listened.capabilities = channel.capabilities
            opened = clock_ns()
            listened.opened_in = opened - began
            self._doing = "listening", opened
            listened.diagnosis.begin = listened.diagnosis.now = opened
            for item in self._items(channel, self._seconds):
                listened.diagnosis.take(item)
                if isinstance(item, Error):
                    listened.said[item.text] += 1
                elif isinstance(item, Heard):
                    listened.contents[item.frame] += 1
                    listened.fd += item.frame.fd
                    if len(listened.stamps) < KEPT_STAMPS:
                        listened.stamps.append(item.time)
            listened.span = clock_ns() - opened
            listened.diagnosis.complete(opened + listened.span)
        finally:
            self._doing = "closing", clock_ns()
            channel.close()

    def _other_rate(self) -> int | None:
        for rate in OTHER_RATES:
            if rate == self.spec.bitrate or self._given_up.is_set():
                continue
            try:
                channel = self._open(replace(silent(self.spec), bitrate=rate, data_bitrate=None))
            except (AdapterError, ConfigError):  # one that this adapter does not have
                continue
            try:
                frames = sum(isinstance(item, Heard) for item in self._items(channel, OTHER_S))
            finally:
                channel.close()
            if frames >= ENOUGH_FRAMES:
                return rate
        return None

    def _items(self, channel: OpenChannel, seconds: float) -> Iterator[Item]:
        end = clock_ns() + round(seconds * 1e9)
        while (left := end - clock_ns()) > 0 and not self._given_up.is_set():
            item = channel.receive(min(_POLL_S, left / 1e9))
            if item is not None:
                yield item
