"""What the test process tells a channel process; its answers to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from harness.adapter.spec import AdapterSpec, Capabilities
from harness.frames import Frame


class Open(NamedTuple):
    """The first command: open the adapter. drift_ppm: by node. path: where the test process looks for modules.

    plans: of each node, a mapping, pickled: it may need modules that are only found with ``path``.
    """

    spec: AdapterSpec
    plans: bytes
    drift_ppm: Mapping[str, float]
    path: tuple[str, ...]


class Opened(NamedTuple):
    """The answer to :class:`Open`. scheduling: what the operating system granted."""

    capabilities: Capabilities
    scheduling: str


class Refused(NamedTuple):
    """The other answer to :class:`Open`. blocked: it is the bench's fault, else that of a file or an option."""

    blocked: bool
    text: str


class Begin(NamedTuple):
    """A new world, whose time 0 is at ``origin_ns``. ticket: of the answer; here and below."""

    ticket: int
    origin_ns: int
    reconnect: bool


class End(NamedTuple):
    """The end of a world: send nothing more of it."""

    ticket: int


class Switch(NamedTuple):
    """Start, stop or reset all that a node sends."""

    ticket: int
    node: str
    action: Literal["start", "stop", "reset"]
    keep_values: bool = False


class Tell(NamedTuple):
    """Do something to one message: what :class:`~harness.restbus.TxMessage` calls by that name, or sets."""

    ticket: int
    node: str
    message: str
    action: str
    argument: Any = None


class Send(NamedTuple):
    """Send one frame at once."""

    ticket: int
    node: str
    frame: Frame


class Recover(NamedTuple):
    """Leave bus-off."""


class Close(NamedTuple):
    """Send nothing more, close the adapter, end."""


class Closed(NamedTuple):
    """The last word of a process that was told to close: nothing is being sent, the adapter is closed."""


Command = Begin | End | Switch | Tell | Send | Recover | Close
