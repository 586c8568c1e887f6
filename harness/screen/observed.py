"""What has been seen on a bench's channels: a fold over what the adapters report. Knows no clock and draws nothing.

Times are those of the stamps, ns.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from typing import NamedTuple

from harness.adapter.items import Error, Heard, Item, Overrun, State
from harness.adapter.spec import Stamps
from harness.adapter.stimulation import ANSWER_ID, REQUEST_ID, Answer, Operation
from harness.bench.blueprint import Blueprint, ChannelPlan
from harness.bench.file import ChannelSpec
from harness.bus.length import INTERMISSION
from harness.bus.port import ErrorState
from harness.errors import BusError
from harness.frames import EXTENDED, Frame
from harness.restbus.plan import MessagePlan
from harness.restbus.reading import Pages
from harness.screen.load import Load
from harness.signals.live import MISSED_CYCLES

GAPS = 500
"""Cycle times are measured over so many of the newest gaps between frames."""
MOST_UNKNOWN = 200
"""Different unknown identifiers that are kept apart per channel; further ones are only counted."""
STIMULATION = frozenset({REQUEST_ID | EXTENDED, ANSWER_ID | EXTENDED})


class Trouble(NamedTuple):
    """An adapter is gone, says ``text``; or is there again, when that is empty."""

    time: int
    text: str


class ObservedMessage:
    """One message of the database on one channel.

    first_at, last_at: the first and the newest frame, ns; None before any. crc_wrong, counter_wrong: how many frames
    had a wrong checksum, and how many counters did not follow the one before. undecodable: frames that are too short,
    or have a multiplexer number that selects nothing. problem: what is wrong with the newest frame; "" when nothing is.
    pauses: silences of more than :data:`~harness.signals.live.MISSED_CYCLES` cycles, which are no cycles.
    """

    def __init__(self, channel: str, plan: MessagePlan, sender: str) -> None:
        self.channel = channel
        self.plan = plan
        self.sender = sender
        self.count = 0
        self.first_at: int | None = None
        self.last_at: int | None = None
        self.data = b""
        self.gaps: deque[int] = deque(maxlen=GAPS)
        self.pages = Pages(plan)
        """The newest values, also those of multiplexed signals that the newest frame does not carry."""
        self.crc_wrong = self.counter_wrong = self.undecodable = 0
        self.problem = ""
        self.pauses = 0
        self._expected: int | None = None
        self._goes_on = False  # whether the next gap is one between two frames of one life

    @property
    def patience_ns(self) -> int | None:
        """For how long it may be silent, ns; None for a message that comes when it likes."""
        plan = self.plan
        return None if plan.cycle_ns is None or plan.if_active else MISSED_CYCLES * plan.cycle_ns

    def receive(self, time: int, frame: Frame) -> None:
        """One more frame of it."""
        self.count += 1
        if self.first_at is None:
            self.first_at = time
        if self.last_at is not None and self._goes_on:
            gap = time - self.last_at
            if self.patience_ns is not None and gap > self.patience_ns:
                self.pauses += 1
            else:
                self.gaps.append(gap)
        self.last_at = time
        self._goes_on = True
        if frame.remote:
            return
        self.data = frame.data
        reading = self.plan.readings[frame.data]
        expected, self._expected = self._expected, reading.following
        self.problem = ""
        if reading.problem is not None:
            self.undecodable += 1
            self.problem = reading.problem
        else:
            self.pages.add(reading)
        if not reading.crc_ok:
            self.crc_wrong += 1
            self.problem = self.problem or "wrong checksum"
            self._expected = None
        elif expected is not None and reading.counter != expected:
            self.counter_wrong += 1
            self.problem = self.problem or f"counter {reading.counter}, expected {expected}"

    def restart(self) -> None:
        """Whoever sends it starts anew: any counter may come next, and the gap until then is no cycle."""
        self._expected = None
        self._goes_on = False


class Unknown:
    """An identifier that stands in no database of its channel."""

    def __init__(self) -> None:
        self.count = 0
        self.last_at = 0
        self.frame = Frame(0)

    def receive(self, time: int, frame: Frame) -> None:
        """One more frame of it."""
        self.count += 1
        self.last_at = time
        self.frame = frame


class ObservedChannel:
    """One channel. messages: all that its databases have, by :attr:`harness.frames.Frame.key`.

    stamps: who stamps its frames. served: a served vehicle is stimulated on the bench, so stimulation frames are known.
    """

    def __init__(self, plan: ChannelPlan, spec: ChannelSpec, stamps: Stamps, *, served: bool) -> None:
        self.name = plan.name
        self.stamps = stamps
        self.spec = spec
        senders = {each.message.key: node for node, plans in plan.plans.items() for each in plans}
        self.messages = {
            each.message.key: ObservedMessage(plan.name, each, senders.get(each.message.key, ""))
            for each in plan.messages.values()
        }
        self.unknown: dict[int, Unknown] = {}
        self.other_unknown = 0
        """Frames of further unknown identifiers, beyond :data:`MOST_UNKNOWN` different ones."""
        self.stimulations = 0
        self.count = 0
        """Frames, known or not."""
        self.load = Load()
        self.errors: Counter[str] = Counter()
        """Error frames by kind."""
        self.state = ErrorState.ACTIVE
        self.state_text = ""
        self.overruns = 0
        """Frames that were lost because nobody read them in time; a loss of unknown size counts as one."""
        self.trouble = ""
        """Why the adapter is gone; "" while it is there."""
        self._served = served
        self._lengths = plan.lengths

    def take(self, item: Item | Trouble) -> None:
        """One more thing that the adapter reports."""
        if isinstance(item, Heard):
            self._hear(item.time, item.frame)
        elif isinstance(item, Error):
            self.errors[item.kind] += 1
        elif isinstance(item, State):
            self.state, self.state_text = item.state, item.text
        elif isinstance(item, Overrun):
            self.overruns += max(1, item.lost)
            self.restart()
        else:
            self.trouble = item.text
            self.restart()

    def restart(self) -> None:
        """Frames are missing, or a new vehicle begins: any counter may come next."""
        for message in self.messages.values():
            message.restart()

    def _hear(self, time: int, frame: Frame) -> None:
        self.count += 1
        try:
            busy = self._lengths[frame][1] + self._lengths.times.time(INTERMISSION)
        except BusError:  # CAN FD on a channel that the bench file calls classic: it is among the unknown
            busy = 0
        self.load.add(time, busy)
        key = frame.key
        message = self.messages.get(key)
        if message is not None:
            message.receive(time, frame)
        elif self._served and key in STIMULATION:
            self.stimulations += 1
            answer = Answer.of(frame)
            if answer is not None and answer.operation == Operation.NEW_VEHICLE:
                self.restart()
        elif key in self.unknown or len(self.unknown) < MOST_UNKNOWN:
            self.unknown.setdefault(key, Unknown()).receive(time, frame)
        else:
            self.other_unknown += 1


class Observation:
    """Channels of a bench, from ``begun`` on, ns. stamps: who stamps their frames, by channel."""

    def __init__(self, blueprint: Blueprint, stamps: Mapping[str, Stamps], begun: int) -> None:
        specs = {spec.name: spec for spec in blueprint.file.channels}
        served = blueprint.file.served is not None
        self.bench = blueprint.file.name
        self.begun = begun
        self.channels = {
            plan.name: ObservedChannel(plan, specs[plan.name], stamps[plan.name], served=served)
            for plan in blueprint.channels
            if plan.name in stamps
        }
