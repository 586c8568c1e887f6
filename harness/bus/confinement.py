"""Fault confinement: the two error counters of a controller and the state they put it in (ISO 11898-1:2015, 12.1)."""

from __future__ import annotations

from harness.bus.port import ErrorState

OCCURRENCES = 128
"""How often a controller in bus-off must see 11 consecutive recessive bits before it takes part again."""
RECESSIVE_BITS = 11
"""Recessive bits that make one such occurrence; also what a controller waits for after it was switched on."""
SUSPEND = 8
"""Bits for which an error passive node waits, beyond the intermission, after it has transmitted."""

_PASSIVE_ABOVE = 127
_BUS_OFF_ABOVE = 255


class ErrorCounters:
    """TEC and REC of one controller, by the rules of the standard; the letters in this file are the standard's.

    >>> counters = ErrorCounters()
    >>> for _ in range(16):
    ...     counters.transmit_error()
    >>> counters.tec, counters.state
    (128, <ErrorState.PASSIVE: 'error passive'>)
    """

    __slots__ = ("rec", "tec")

    def __init__(self) -> None:
        self.tec = 0
        self.rec = 0

    @property
    def state(self) -> ErrorState:
        """The state that follows from the counters."""
        if self.tec > _BUS_OFF_ABOVE:
            return ErrorState.BUS_OFF
        return ErrorState.PASSIVE if max(self.tec, self.rec) > _PASSIVE_ABOVE else ErrorState.ACTIVE

    @property
    def clean(self) -> bool:
        """Whether both counters are zero."""
        return not (self.tec or self.rec)

    def transmitted(self) -> None:
        """Rule g: a frame was sent without error."""
        self.tec = max(0, self.tec - 1)

    def received(self) -> None:
        """Rule h: a frame was received without error. Above 127 REC falls to 127 (119 to 127 are allowed)."""
        self.rec = _PASSIVE_ABOVE if self.rec > _PASSIVE_ABOVE else max(0, self.rec - 1)

    def transmit_error(self, *, unheard: bool = False) -> None:
        """Rule c: an error flag was sent while transmitting.

        unheard: exception 1 of rule c: nobody acknowledged, and no dominant bit was seen while the passive error flag
        was sent. Then an error passive node keeps its TEC: a node alone on its bus never gets to bus-off.
        """
        if not (unheard and self.state is ErrorState.PASSIVE):
            self.tec += 8

    def receive_error(self, *, first: bool = False) -> None:
        """Rule a: an error was seen while receiving.

        first: rule b as well: the bit after the own error flag was dominant, as another node saw the error later.
        REC is not counted beyond 255: it only matters whether it is above 127.
        """
        self.rec = min(255, self.rec + (9 if first else 1))

    def reset(self) -> None:
        """Start again: power-on, or recovery from bus-off."""
        self.tec = self.rec = 0
