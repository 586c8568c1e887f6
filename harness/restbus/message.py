"""One message that is being sent: what it is, what it carries, and what may be done to it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping

from harness.errors import SignalError
from harness.loop import Owner
from harness.protection import Protector
from harness.restbus.alterations import bit_flipped, crc_bit
from harness.restbus.payload import Payload
from harness.restbus.plan import MessagePlan
from harness.restbus.sendtypes import SendType

Tamper = Callable[[bytes, int | None], bytes | None]
"""Takes a frame's finished payload and its counter (None: not protected); returns the payload to send instead, or None
to send nothing. Whoever leaves a frame alone returns ``data`` itself. Where the message is sent by another process it
has to be one that can be pickled, as those of :mod:`harness.restbus.alterations`."""

_ON_CHANGE, _ON_WRITE = int(SendType.ON_CHANGE), int(SendType.ON_WRITE)
_REPEATED = int(SendType.REPEATED)


class Change:
    """What became of one ``set()``: when the values were on the bus.

    delivered: end of the first frame that carried them, ns; None as long as there was none. When nothing changed and
    no frame was to come, the instant of the call.
    due: whether a frame with them was to come when they were set: False for a silent message, and for an unchanged
    value of a message that is sent on change only.
    """

    __slots__ = ("delivered", "due")

    def __init__(self) -> None:
        self.delivered: int | None = None
        self.due = False

    def deliver(self, time: int) -> None:
        """Note the end of the first frame that carried the values; later ones change nothing."""
        if self.delivered is None:
            self.delivered = time


class TxMessage(ABC):
    """One message of a node on one channel: its values, and what makes it go out.

    When it goes out is another's affair: of :class:`~harness.restbus.schedule.ScheduledMessage` in the same process,
    or of another process that owns a real channel.

    tamper: changes or suppresses finished frames; for disturbances. A suppressed frame uses up its counter.
    on_tampered: called with what ``tamper`` made of a frame (None: it was suppressed), before that frame is on the bus
    for anybody; not called for frames that it left alone. Set it before ``tamper``: what is set then gets the reports
    of that one, also those that come from another process when both are gone already.
    counter: the counter of the next frame; may be set. modulo: how many counters there are; 1 without protection.
    on_request: True lets the cyclic schedule rest from the next start of the node on: frames come by :meth:`forward`
    and :meth:`send_now`. A gateway sets it for what it routes.
    """

    __slots__ = (
        "_enabled", "_owner", "_payload", "_running", "_triggers", "channel", "counter", "modulo", "on_request",
        "on_tampered", "plan", "tamper",
    )  # fmt: skip

    tamper: Tamper | None
    counter: int
    on_request: bool

    def __init__(self, plan: MessagePlan, owner: Owner, channel: str) -> None:
        self.plan = plan
        self.channel = channel
        """Name of the channel."""
        self.on_tampered: Callable[[bytes | None], object] | None = None
        self.modulo = plan.protector.counter_modulo if plan.protector else 1
        self._owner = owner
        self._payload = Payload(plan)
        self._triggers = plan.triggers
        self._running = False
        self._enabled = True

    @property
    def name(self) -> str:
        """Name of the message."""
        return self.plan.message.name

    @property
    def node(self) -> str:
        """Name of the sending node."""
        return self._owner.name

    @property
    def key(self) -> int:
        """Identifier, as :attr:`harness.frames.Frame.key`."""
        return self.plan.message.key

    @property
    def protector(self) -> Protector | None:
        """Writes and checks counter and CRC; None for a message without protection."""
        return self.plan.protector

    def with_crc_bit_flipped(self, data: bytes) -> bytes:
        """A payload of this message with the lowest bit of its CRC inverted. Only for a protected message."""
        if self.plan.protection is None:
            raise SignalError(f"message {self.name!r} is not protected: it has no CRC")
        return bit_flipped(data, crc_bit(self.plan.message, self.plan.protection))

    @property
    def active(self) -> bool:
        """Whether the message is being sent: its node is, and it was not stopped itself."""
        return self._running and self._enabled

    @property
    def values(self) -> dict[str, int | float]:
        """Physical values of the signals that the next frame carries, without counter and CRC."""
        raws, protection = self._payload.raws, self.plan.protection
        hidden = (protection.counter, protection.crc) if protection else ()
        return {
            signal.name: signal.to_physical(raws[signal.name])
            for signal in self.plan.selected(raws)
            if signal.name not in hidden
        }

    def check(self, values: Mapping[str, object], *, force: bool = False) -> None:
        """Raise what :meth:`set` would raise, and change nothing."""
        Payload(self.plan).set(values, force=force)

    # -- what users call -----------------------------------------------------------------------------------------

    @abstractmethod
    def set(self, values: Mapping[str, object], *, force: bool = False) -> Change:
        """Set signals by name to physical values (numbers, quantities) or labels; all go out in the same frame.

        Setting a multiplexed signal selects its branch, unless the multiplexer is set in the same call. ``force``
        sends values outside their range as far as the bits go. A wrong name or value raises and changes nothing:
        :class:`~harness.errors.UnknownSignalError`, :class:`~harness.errors.ValueRangeError`,
        :class:`~harness.errors.UnitError`; setting counter or CRC of a protected message
        :class:`~harness.errors.SignalError`.
        """

    @abstractmethod
    def update(self, values: Mapping[str, object]) -> None:
        """As :meth:`set` for callers that do not ask when the values went out."""

    @abstractmethod
    def send_now(self) -> Change:
        """Send one frame at once, whatever the send type, minimum delay or queue; nothing when not :attr:`active`."""

    @abstractmethod
    def forward(self, data: bytes) -> None:
        """Send this payload at once (a gateway's route); counter and CRC are made new where the message is protected.

        Every forwarded frame is queued by itself, in order, and none replaces another. ``data`` is cut or filled with
        zeros to the message's length. The values stay those of the payload. Nothing when not :attr:`active`.
        """

    @abstractmethod
    def start(self) -> None:
        """End :meth:`stop`; the cyclic schedule begins anew, without start delay."""

    @abstractmethod
    def stop(self) -> None:
        """Keep this message silent until :meth:`start`; values and counter stay, ``set`` still works."""

    # -- what the transmitter calls ------------------------------------------------------------------------------

    @abstractmethod
    def node_started(self) -> None:
        """The node sends: begin after the start delay."""

    @abstractmethod
    def node_stopped(self) -> None:
        """The node sends no more."""

    @abstractmethod
    def reset(self, *, keep_values: bool) -> None:
        """Counter 0, and start values unless they are kept; what they are a change of is then still to be delivered."""

    def _triggered(self, values: Mapping[str, object], changed: list[str]) -> tuple[bool, bool]:
        """Whether setting these signals sends a frame by their send types, and whether that is repeated."""
        triggers = self._triggers
        triggered = repeated = False
        for name in (*values, *changed):
            kind = triggers[name]
            if kind & _ON_WRITE or (kind & _ON_CHANGE and name in changed):
                triggered = True
                repeated = repeated or bool(kind & _REPEATED)
        return triggered, repeated
