"""A real channel as a world sees it: frames come from the adapter's process, and go to it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from harness.adapter.diagnosis import Diagnosis
from harness.adapter.items import Error, Heard, Missed, Overrun, Reopened, Sent, State, Trouble
from harness.adapter.stimulation import Request
from harness.bus.controller import Controller
from harness.bus.heard import HeardBus
from harness.bus.port import ErrorState
from harness.errors import AdapterLost, Blocked, Inconclusive, SimulationError
from harness.frames import ErrorFrame, Frame, Received, id_text

if TYPE_CHECKING:
    from harness.adapter.items import Batch, Report
    from harness.adapter.line import Line
    from harness.bench.accounting import Accounting
    from harness.bench.following import Due, FollowingLoop
    from harness.bench.served import Served
    from harness.bus.length import Lengths
    from harness.signals.definitions import MessageDef

NO_FRAME = Frame(0)
"""Stands in an error frame for the frame that was destroyed: an adapter does not tell which one it was."""


class LiveController(Controller):
    """A node's place on a real channel: it sends through the adapter, and hears what the others send."""

    bus: LiveBus

    def send(self, frame: Frame, sent: Callable[[Received], object] | None = None) -> None:
        """Hand a frame to the adapter; ``sent`` is called when it is on the bus, as far as the adapter can tell."""
        self.bus.line.adapter.send(self.node, frame, sent)

    def subscribe(
        self, callback: Callable[[Received], object], keys: Collection[int] | None = None
    ) -> Callable[[], None]:
        """See :meth:`harness.bus.port.Port.subscribe`."""

        def deliver(rx: Received) -> None:
            if self.powered and rx.sender != self.node:
                callback(rx)

        return self.bus.observe(deliver, keys)

    @property
    def queued(self) -> int:
        """Frames that wait: what waits in the adapter nobody can count."""
        return 0

    def clear(self) -> None:
        """What the adapter has taken cannot be taken back."""

    def power(self, on: bool) -> None:
        """Whether the node takes part. The adapter itself stays on the bus."""
        self.powered = on

    def restart(self) -> None:
        """Ask the adapter to leave bus-off."""
        self.bus.line.adapter.recover()


class LiveBus(HeardBus):
    """The real channel behind ``line``, for one world.

    known: the messages of its databases by key. senders: which node sends an identifier, by the databases: real frames
    do not tell. talks: whether a real node sends here cyclically. ours: identifiers that this bench sends itself, and
    for whom; one that comes from somebody else means two senders. served: takes the answers to stimulation
    frames; None without a served vehicle. left_out: told of frames of ours that were not sent. doubt: gets
    why no test can pass that is running now.
    """

    def __init__(
        self,
        loop: FollowingLoop,
        channel: str,
        line: Line,
        *,
        bitrate: int,
        data_bitrate: int | None,
        lengths: Lengths,
        known: Mapping[int, MessageDef],
        senders: Mapping[int, str],
        talks: bool,
        accounting: Accounting,
        served: Served | None,
        note: Callable[[str], object],
        left_out: Callable[[Missed], object],
        doubt: Callable[[Inconclusive], object],
    ) -> None:
        super().__init__(loop, channel, bitrate=bitrate, data_bitrate=data_bitrate, lengths=lengths)
        self.line = line
        self.ours: dict[int, str] = {}
        self.diagnosis = Diagnosis(channel, {}, own={}, begin=0)
        """What speaks for the bench, not the device, being at fault."""
        self._live = loop
        self._known = known
        self._senders = senders
        self._talks = talks
        self._accounting = accounting
        self._served = served
        self._note, self._left_out, self._doubt = note, left_out, doubt
        self._origin = 0
        self._since = 0
        self._by_name: dict[str, Controller] = {}

    def attach(self, node: str, *, restart_after: int | None = None) -> Controller:
        """A node's place on the channel. restart_after has no effect: the adapter has one controller for all."""
        controller = LiveController(self, node, restart_after)
        self.controllers.append(controller)
        self._by_name[node] = controller
        return controller

    def corrupt(self, **_: Any) -> NoReturn:
        """Always raises :class:`~harness.errors.Blocked`: nothing here can disturb single bits."""
        raise Blocked(
            f"channel {self.channel!r} is a real one ({self.line.adapter.spec}): nothing here can destroy frames "
            "on the bus; bit faults need a simulated channel"
        )

    # -- from the adapter's thread -----------------------------------------------------------------------------------

    def begin(self, origin_ns: int, since_ns: int) -> None:
        """The world's time 0 is ``origin_ns`` of the clock; what was stamped before ``since_ns`` is not its own."""
        self._origin, self._since = origin_ns, since_ns
        self.diagnosis = Diagnosis(
            self.channel,
            self._known,
            own=self.ours,
            begin=origin_ns,
            talks=self._talks and not self.line.heard,
            echo=self.line.adapter.capabilities.echo,
        )
        self.line.hand_over(self._take)

    def _take(self, batch: Batch) -> None:
        origin = self._origin
        for item in batch.items:
            if isinstance(item, Trouble) and item.fatal:
                # The process may be what is stopped, and then time stands, too.
                what = SimulationError if item.broken else AdapterLost
                self._live.fail(what(self._told(item.text)))
                return
        due: list[Due] = [
            (max(0, item.time - origin), self._item, item) for item in batch.items if item.time >= self._since
        ]
        complete = batch.complete_ns - origin
        if complete >= 0:
            # How late its stamps may be is known before the first of its frames is judged.
            times = [complete, *(time for time, _, _ in due)]
            late = max([batch.late_ns, *(item.late_ns for item in batch.items if isinstance(item, Sent))])
            due.insert(0, (min(times), self._account, (max(times), late)))
            due.append((complete, self._completed, None))
        self._live.feed(self.channel, due, complete)

    # -- on the loop -------------------------------------------------------------------------------------------------

    def _account(self, told: tuple[int, int]) -> None:
        self._accounting.channels[self.channel].note(*told)

    def _completed(self, _: None) -> None:
        now = self.loop.now
        self._accounting.is_behind(now, self.loop.present - now)
        self.diagnosis.complete(now + self._origin)

    def _item(self, item: Report) -> None:
        self.line.adapter.apply(item, self.loop.now)
        if self._is_stimulation(item):
            return
        self.diagnosis.take(item)
        if isinstance(item, Heard):
            self._hear(item)
        elif isinstance(item, Sent):
            self._sent(item)
        elif isinstance(item, Error):
            self.play(ErrorFrame(self.loop.now, self.channel, item.kind, NO_FRAME))
        elif isinstance(item, State):
            self._new_state(item)
        elif isinstance(item, Overrun):
            raise Inconclusive(
                f"{self._where}: {item.lost or 'some'} received frames were lost"
                f"{f' ({item.text})' if item.text else ''}, so what came meanwhile cannot be told"
            )
        elif isinstance(item, Trouble):
            self._note(self._told(item.text))
            if item.lost:
                self._lost(item.text)
        elif isinstance(item, Missed):
            self._note(f"{self._where}: {item.cycles} frames of {item.message} were not sent in time, and left out")
            self._left_out(item)
        elif isinstance(item, Reopened):
            self._note(f"{self._where}: the adapter is there again")
            if self._served is not None:
                self._served.forgive()

    def _is_stimulation(self, item: Report) -> bool:
        """Whether it is a stimulation frame, which is not the vehicle's; an answer is taken here."""
        if self._served is None or not isinstance(item, (Heard, Sent)) or not item.frame.extended:
            return False
        if isinstance(item, Sent):
            return Request.of(item.frame) is not None
        return self._served.hear(self.loop.now, item.frame)

    def _lost(self, text: str) -> None:
        self._doubt(Inconclusive(f"{self._told(text)}; what was on the bus until it was back is not known"))
        if self._served is not None:
            self._served.forgive()

    def _told(self, text: str) -> str:
        """What a channel process says, with the channel's name; once."""
        return text if f"channel {self.channel!r}" in text else f"{self._where}: {text}"

    @property
    def _where(self) -> str:
        return f"channel {self.channel!r} ({self.line.adapter.spec})"

    def _sent(self, item: Sent) -> None:
        if item.node in self._by_name:
            self._by_name[item.node].sent_at = self.loop.now
        self.play(Received(self.loop.now, self.channel, item.frame, item.node))

    def _hear(self, item: Heard) -> None:
        frame = item.frame
        key = frame.key
        sender = self._senders.get(key, "")
        self.line.heard = True
        if key in self.ours and not frame.remote:  # a remote frame asks us for it
            raise Blocked(
                f"two senders: {id_text(key)} came from somebody else on {self.channel!r} ({frame}), but this bench "
                f"sends it for {sender or 'the tester'}; make that node real in the bench file, or unplug the other one"
            )
        if sender in self._by_name:
            self._by_name[sender].sent_at = self.loop.now
        self.play(Received(self.loop.now, self.channel, frame, sender))

    def _new_state(self, item: State) -> None:
        for controller in self.controllers:
            controller.state = item.state
        if item.state is ErrorState.BUS_OFF:
            raise Blocked(
                f"{self._where} is bus-off: {item.text or 'too many errors'}; check wiring, termination and bit rate"
            )
