"""Why this bench cannot run a test: the evidence of one channel, folded from what its adapter reports.

A fold knows no clock: it is given every item, and told up to when everything has come. :meth:`Diagnosis.reason` then
names what is wrong *with the bench*, in words for the result of a blocked test, or None. It must never excuse a product
that misbehaves, so each rule waits for evidence that no device on a working bench gives. :meth:`Diagnosis.misreads`
names what of this makes a right frame look wrong; :attr:`Diagnosis.alone` tells whether nobody was there at all.

=================  ==================================================================================================
trouble            the channel process says itself that what it reports cannot be trusted
lost frames        the adapter lost at least one received frame; what was not seen may have been among them
database           of at least 3 identifiers, more than half are unknown, or always shorter than the database says
two senders        one frame from somebody else with an identifier that this bench sends
bus-off            the adapter's controller has left the bus and is not back
no ACK             16 acknowledgement errors since one of our frames was confirmed, or error passive and alone for 1 s
bit rate           16 other error frames since the last frame that was heard or confirmed
silence            nothing heard for 2 s *from the beginning on*, where somebody is expected to send
=================  ==================================================================================================

A device that falls silent after it was heard is the device's affair, and no reason. 16 errors in a row make a node
error passive (ISO 11898-1:2015, 12.1.4: 8 each, 128); on a working bus, frames come through in between.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from harness.adapter.items import Error, Heard, Overrun, Reopened, Report, Sent, State, Trouble
from harness.bus.port import ErrorState
from harness.frames import Frame, id_text
from harness.signals.definitions import MessageDef
from harness.units import time_text

ENOUGH_ERRORS = 16
"""Error frames in a row, without a good frame among them."""
ENOUGH_IDENTIFIERS = 3
"""Different identifiers that have to be seen before the database is doubted."""
SILENCE_NS = 2_000_000_000
"""For so long nothing may be heard at the beginning, ns."""
ALONE_NS = 1_000_000_000
"""For so long a controller may be error passive without anybody being there, ns."""
_NAMED = 3
"""How many identifiers a reason names."""


class Diagnosis:
    """The evidence of one channel. All times are those of the items, ns.

    channel: its name on the bench. known: what its databases hold, by :attr:`harness.frames.Frame.key`. own: who sends
    each identifier that this bench itself sends, by key: the node it plays. begin: when the adapter was opened, or the
    test began. talks: whether somebody else is expected to send, and has not been heard in this run: whoever was heard
    once and is not any more has fallen silent. echo: whether the adapter confirms what is on the bus
    (:attr:`harness.adapter.spec.Capabilities.echo`); without it nobody knows whether a frame was acknowledged.

    >>> from harness.frames import Frame
    >>> evidence = Diagnosis("body", {}, own={0x0A0: "PEDAL"}, begin=0)
    >>> evidence.take(Heard(5_000_000, Frame(0x0A0)))
    >>> print((evidence.reason() or "").partition(";")[0])
    body: two senders: 0x0A0 came from somebody else (1 frame, the first after 5 ms) while this bench sends it for PEDAL
    """

    def __init__(
        self,
        channel: str,
        known: Mapping[int, MessageDef],
        own: Mapping[int, str],
        begin: int,
        *,
        talks: bool = True,
        echo: bool = True,
    ) -> None:
        self.channel, self.known, self.own = channel, known, own
        self.begin = self.now = begin
        """now: up to then everything has come."""
        self.talks, self.echo = talks, echo
        self.heard: Counter[int] = Counter()
        """Frames from others, by key."""
        self.short: Counter[int] = Counter()
        """Of these, the ones with less data than the database says."""
        self.first_own: dict[int, int] = {}
        """When an identifier that we send came from somebody else for the first time."""
        self.sent = 0
        """Our frames that the adapter reported as sent."""
        self.errors: Counter[str] = Counter()
        """Error frames, by kind."""
        self.overruns = 0
        self.lost = 0
        """Frames lost in overruns, as far as the adapter knows the number."""
        self.state = ErrorState.ACTIVE
        self._state_since = begin
        self._last_good = begin
        """The last frame that shows that somebody is there: heard, or confirmed."""
        self._refused = 0
        """Acknowledgement errors since the last confirmation."""
        self._spoiled: Counter[str] = Counter()
        """Other error frames since the last good frame."""
        self._trouble = ""
        self._back = False  # the adapter is there again
        self._lengths: dict[int, int] = {}

    # -- the fold --------------------------------------------------------------------------------------------------

    def take(self, item: Report) -> None:
        """One item; all kinds may be given, in the order in which the adapter reports them."""
        self.now = max(self.now, item.time)
        if isinstance(item, Heard):
            if item.own:
                self._confirmed(item.time)
            else:
                self._other(item.time, item.frame)
        elif isinstance(item, Sent):
            self._confirmed(item.time)
        elif isinstance(item, Error):
            self.errors[item.kind] += 1
            if item.kind == "ack":
                self._refused += 1
            else:
                self._spoiled[item.kind] += 1
        elif isinstance(item, State):
            self.state, self._state_since = item.state, item.time
        elif isinstance(item, Overrun):
            self.overruns += 1
            self.lost += item.lost
        elif isinstance(item, Trouble):
            if (item.fatal or item.lost) and (not self._trouble or self._back):
                self._trouble, self._back = item.text, False
        elif isinstance(item, Reopened):
            self.state, self._state_since, self._refused = ErrorState.ACTIVE, item.time, 0
            self._spoiled.clear()
            self._back = True

    def complete(self, time: int) -> None:
        """Everything up to ``time`` has come."""
        self.now = max(self.now, time)

    def begin_test(self) -> None:
        """Another test begins: that the adapter was lost says nothing more, where it is there again."""
        if self._back:
            self._trouble, self._back = "", False

    def _other(self, time: int, frame: Frame) -> None:
        key = frame.key
        self.heard[key] += 1
        self._good(time)
        if not self.echo:
            self._refused = 0  # who sends acknowledges as well
        if key in self.own and not frame.remote:
            self.first_own.setdefault(key, time)
        message = self.known.get(key)
        if message is not None and not frame.remote and len(frame.data) < message.length:
            self.short[key] += 1
            self._lengths.setdefault(key, len(frame.data))

    def _confirmed(self, time: int) -> None:
        self.sent += 1
        if self.echo:
            self._refused = 0
            self._good(time)

    def _good(self, time: int) -> None:
        self._last_good = time
        self._spoiled.clear()

    # -- what it says ----------------------------------------------------------------------------------------------

    @property
    def unknown(self) -> tuple[int, ...]:
        """Keys of identifiers that were heard and that no database of the channel has, lowest first."""
        return tuple(sorted(key for key in self.heard if key not in self.known))

    @property
    def misfits(self) -> tuple[int, ...]:
        """Keys of known identifiers that were always heard with less data than the database says, lowest first."""
        return tuple(sorted(key for key, count in self.short.items() if count == self.heard[key]))

    @property
    def partial(self) -> bool:
        """Whether the databases fit, though they may hold a part of the network only.

        Then most of what others are to send cyclically has come, at its length, whatever else there is on the bus.
        """
        since = self.now - self.begin
        expected = [
            key
            for key, message in self.known.items()
            if key not in self.own and message.cycle_time_ns and 2 * message.cycle_time_ns <= since
        ]
        short = set(self.misfits)
        return 2 * sum(key in self.heard and key not in short for key in expected) > len(expected)

    @property
    def alone(self) -> bool:
        """Whether nothing shows that the device was there: it was not heard, and of one that is not expected to send,
        or was heard before, no frame was acknowledged either."""
        return not self.heard and (self.talks or not self._answered)

    @property
    def _answered(self) -> bool:
        """Whether somebody has acknowledged a frame."""
        return bool(self.sent and self.echo)

    def reason(self) -> str | None:
        """Why this bench cannot run a test, with the evidence; None: nothing speaks against it."""
        rules = (self._told, self._gaps, self._database, self._senders, self._off, self._ack, self._rate, self._silence)
        return self._first(rules)

    def misreads(self) -> str | None:
        """As :meth:`reason`, of what lets the frames of a right device look wrong: an unplugged adapter does not."""
        return self._first((self._gaps, self._database, self._senders))

    def _first(self, rules: Iterable[Callable[[], str]]) -> str | None:
        found = next(filter(None, (rule() for rule in rules)), None)
        named = found is None or f"channel {self.channel!r}" in found
        return found if named else f"{self.channel}: {found}"

    def _told(self) -> str:
        return self._trouble

    def _gaps(self) -> str:
        if not self.overruns:
            return ""
        lost = f"{_count(self.lost, 'frame')} in " if self.lost else ""
        return f"received frames were lost ({lost}{_count(self.overruns, 'overrun')}): the computer was too slow"

    def _database(self) -> str:
        seen, unknown, misfits = len(self.heard), self.unknown, self.misfits
        if seen < ENOUGH_IDENTIFIERS or 2 * (len(unknown) + len(misfits)) <= seen or self.partial:
            return ""
        parts = []
        if unknown:
            parts.append(f"{len(unknown)} of {seen} identifiers seen are unknown ({_some(map(id_text, unknown))})")
        if misfits:
            texts = (f"{self._named(key)}: {self._lengths[key]} of {self.known[key].length} bytes" for key in misfits)
            parts.append(f"{len(misfits)} of {seen} are too short ({_some(texts)})")
        return f"database does not match: {', '.join(parts)}; is it this bus, and this version of the network?"

    def _senders(self) -> str:
        if not self.first_own:
            return ""
        key, first = min(self.first_own.items(), key=lambda entry: entry[1])
        more = f", and {len(self.first_own) - 1} more identifiers" if len(self.first_own) > 1 else ""
        return (
            f"two senders: {self._named(key)} came from somebody else ({_count(self.heard[key], 'frame')}, the first "
            f"after {_span(first - self.begin)}{more}) while this bench sends it for {self.own[key]}; "
            f"take the other one off the bus, or let the bench file say that {self.own[key]} is real"
        )

    def _off(self) -> str:
        if self.state is not ErrorState.BUS_OFF:
            return ""
        return f"the adapter is bus-off for {_span(self.now - self._state_since)}{self._kinds(self.errors)}; {_WIRES}"

    def _ack(self) -> str:
        if self._refused >= ENOUGH_ERRORS:
            sent = f"{_count(self.sent, 'frame')} confirmed before" if self.sent and self.echo else "no frame confirmed"
            return f"no ACK: {self._refused} acknowledgement errors in a row, {sent}; {_ALONE}"
        last = max(self._state_since, self._last_good)
        if self.state is ErrorState.PASSIVE and self.now - last >= ALONE_NS:
            return (
                f"no ACK: the adapter is error passive, and nothing was heard or confirmed for "
                f"{_span(self.now - last)}{self._kinds(self.errors)}; {_ALONE}"
            )
        return ""

    def _rate(self) -> str:
        spoiled = self._spoiled.total()
        if spoiled < ENOUGH_ERRORS:
            return ""
        kinds = self._kinds(self._spoiled)
        if not self.heard and not self._answered:
            return f"bit rate wrong? only error frames{kinds}, not one good frame; {_WIRES}"
        return f"the bus is disturbed: only error frames{kinds} for {_span(self.now - self._last_good)}; {_WIRES}"

    def _silence(self) -> str:
        if self.heard or not self.talks or self.now - self.begin < SILENCE_NS:
            return ""
        sent = ""
        if self.sent:
            sent = f" ({_count(self.sent, 'frame')} sent{'' if self.echo else ', which this adapter cannot confirm'})"
        return f"nothing was received for {_span(self.now - self.begin)}{sent}; {_ALONE}"

    @staticmethod
    def _kinds(errors: Counter[str]) -> str:
        text = ", ".join(f"{kind} {count}" for kind, count in errors.most_common())
        return f" ({text})" if text else ""

    def _named(self, key: int) -> str:
        message = self.known.get(key)
        return f"{id_text(key)} {message.name}" if message is not None else id_text(key)


_WIRES = "check bit rate, wiring and termination"
_ALONE = "is anybody on the bus? Check the device's supply, bit rate, wiring and termination"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _span(time_ns: int) -> str:
    """A span that nobody needs to the nanosecond."""
    return time_text(round(time_ns, -6))


def _some(texts: Iterable[str]) -> str:
    """The first few of them."""
    every = list(texts)
    return ", ".join(every[:_NAMED]) + (", ..." if len(every) > _NAMED else "")
