"""End-to-end reception as AUTOSAR defines it: the result of one check, and the state machine over the last ones.

AUTOSAR FO R20-11, E2E Protocol Specification (document 849). The counters' window follows the check functions of each
profile (PRS_E2E_00196 for profile 1, and those of profiles 2, 4, 5, 6, 7, 11), the state machine its chapter on the
E2E state machine (E2E_SMCheck, E2E_SMAddStatus, E2E_SMClearStatus, E2E_SMClearRemainingStatus, and the mapping
E2E_PxxMapStatusToSM in the behaviour since R4.2).

Written from memory of these, not with the document at hand, and compared with several published implementations of
R20-11; the tests hold hand-worked tables. Those implementations agree on the check of profile 1, the mapping and the
transitions. They disagree on E2E_SMClearRemainingStatus (PRS_E2E_00607), that is on what becomes of the window when
the next state has another window size: here the window is always the latest results, as many as the state's
window holds, and results are forgotten by E2E_SMClearStatus only. TransitToInvalidExtended is taken as FALSE: from
NODATA the machine goes to INIT only.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum

from harness.errors import ConfigError


class CheckResult(Enum):
    """What one check of one reception says (E2E_PxxCheckStatusType).

    INITIAL: the first frame, with which a counter cannot be compared; profiles 4 to 7 and 11 have no such
    result and say what the counter before 0 makes of it, which decides nothing, as the machine only leaves NODATA.
    SYNC: profiles 1 and 2 after a wrong sequence, until so many frames have followed each other.
    ERROR: also called WRONGCRC: checksum, data ID, length or the counter's own range are wrong.
    """

    OK = "OK"
    OK_SOME_LOST = "OKSOMELOST"
    REPEATED = "REPEATED"
    WRONG_SEQUENCE = "WRONGSEQUENCE"
    ERROR = "WRONGCRC"
    NO_NEW_DATA = "NONEWDATA"
    INITIAL = "INITIAL"
    SYNC = "SYNC"


class State(Enum):
    """What the machine makes of them (E2E_SMStateType)."""

    NO_DATA = "NODATA"
    INIT = "INIT"
    VALID = "VALID"
    INVALID = "INVALID"


_OK = frozenset({CheckResult.OK, CheckResult.OK_SOME_LOST, CheckResult.INITIAL})
"""Mapped to E2E_P_OK (profile behaviour R4.2 and later; SYNC is then E2E_P_WRONGSEQUENCE, which counts as neither)."""


@dataclass(frozen=True, slots=True)
class E2ELimits:
    """Parameters of reception (E2E_SMConfigType and E2E_PxxConfigType); the defaults are cautious ones for CAN.

    max_delta: MaxDeltaCounter (MaxDeltaCounterInit for profiles 1 and 2), largest step of the counter.
    window_init, window_valid, window_invalid: numbers of the latest checks that count, 1 to 255.
    min_ok_init, max_error_init: leave INIT for VALID with so many OK at least and so many errors at most; for INVALID
    with more errors. min_ok_valid, max_error_valid: stay in VALID. min_ok_invalid, max_error_invalid: leave INVALID.
    clear_to_invalid: whether the window is cleared on the way to INVALID.
    max_no_new_or_repeated, sync_counter: MaxNoNewOrRepeatedData and SyncCounterInit of profiles 1 and 2.
    Raises :class:`~harness.errors.ConfigError` for what contradicts itself.
    """

    max_delta: int = 2
    window_init: int = 5
    window_valid: int = 10
    window_invalid: int = 10
    min_ok_init: int = 2
    max_error_init: int = 1
    min_ok_valid: int = 1
    max_error_valid: int = 2
    min_ok_invalid: int = 3
    max_error_invalid: int = 1
    clear_to_invalid: bool = True
    max_no_new_or_repeated: int = 14
    sync_counter: int = 0

    def __post_init__(self) -> None:
        if self.max_delta < 1:
            raise ConfigError(f"E2E: max_delta must be at least 1, not {self.max_delta}")
        for state in ("init", "valid", "invalid"):
            window, ok = getattr(self, f"window_{state}"), getattr(self, f"min_ok_{state}")
            errors = getattr(self, f"max_error_{state}")
            if not 1 <= window <= 255 or ok < 0 or errors < 0 or ok + errors > window:
                raise ConfigError(
                    f"E2E: window_{state} = {window} must be 1 to 255 and hold min_ok_{state} = {ok} "
                    f"and max_error_{state} = {errors} together"
                )
        if max(self.window_init, self.window_invalid) > self.window_valid:
            raise ConfigError("E2E: window_init and window_invalid must not be larger than window_valid")


class CounterCheck:
    """The check of one reception: how the counter goes on from the last one. One per message.

    modulo: number of counter values. grows: profiles 1 and 2, whose largest step grows by one with every check that
    did not bring valid data (MaxDeltaCounter of E2E_P01CheckStateType), and which synchronise after a wrong sequence.

    >>> check = CounterCheck(E2ELimits(max_delta=2), 15, grows=False)
    >>> [check.frame(True, counter).value for counter in (3, 4, 6, 6, 10, 11)]
    ['INITIAL', 'OK', 'OKSOMELOST', 'REPEATED', 'WRONGSEQUENCE', 'OK']
    """

    __slots__ = ("_grows", "_limits", "_modulo", "_no_new", "_sync", "last", "max_delta")

    def __init__(self, limits: E2ELimits, modulo: int, *, grows: bool) -> None:
        self._limits = limits
        self._modulo = modulo
        self._grows = grows
        self.restart()

    def restart(self) -> None:
        """As before the first frame."""
        self.last: int | None = None
        """The counter that the next one is compared with."""
        self.max_delta = self._limits.max_delta
        """The largest step of the next counter."""
        self._no_new = 0
        self._sync = 0

    def steady(self) -> bool:
        """Whether a frame with the next counter changes nothing but :attr:`last`."""
        return (
            self.last is not None and not self._no_new and not self._sync and (self.max_delta == self._limits.max_delta)
        )

    def missed(self) -> CheckResult:
        """A check to which no frame came."""
        if self._grows:
            self._grow()
            self._no_new = min(self._no_new + 1, 14)
        return CheckResult.NO_NEW_DATA

    def frame(self, crc_ok: bool, counter: int) -> CheckResult:
        """A check of a frame; counter: as received, of no meaning where the checksum is wrong."""
        if self._grows:
            self._grow()
        if not crc_ok or counter >= self._modulo:
            return CheckResult.ERROR
        if self.last is None:
            self.last = counter
            self.max_delta = self._limits.max_delta
            return CheckResult.INITIAL
        delta = (counter - self.last) % self._modulo
        if delta == 0:
            self._no_new = min(self._no_new + 1, 14)
            return CheckResult.REPEATED
        if delta > self.max_delta:
            return self._wrong_sequence(counter)
        self.last = counter
        self.max_delta = self._limits.max_delta
        return self._synchronised(CheckResult.OK if delta == 1 else CheckResult.OK_SOME_LOST)

    def _grow(self) -> None:
        self.max_delta = min(self.max_delta + 1, self._modulo - 1)

    def _wrong_sequence(self, counter: int) -> CheckResult:
        if not self._grows:
            self.last = counter  # Profiles 4 to 7 and 11 go on from every frame with a right checksum.
            return CheckResult.WRONG_SEQUENCE
        self._no_new = 0
        self._sync = self._limits.sync_counter
        if self._sync > 0:  # Without it only the growing largest step lets reception recover.
            self.last = counter
            self.max_delta = self._limits.max_delta
        return CheckResult.WRONG_SEQUENCE

    def _synchronised(self, result: CheckResult) -> CheckResult:
        """Profiles 1 and 2: right, but perhaps not yet trusted."""
        if not self._grows:
            return result
        too_long, self._no_new = self._no_new > self._limits.max_no_new_or_repeated, 0
        if too_long:
            self._sync = self._limits.sync_counter
            return CheckResult.SYNC
        if self._sync > 0:
            self._sync -= 1
            return CheckResult.SYNC
        return result


class StateMachine:
    """The state over the latest checks (E2E_SMCheck). One per message.

    >>> machine = StateMachine(E2ELimits())
    >>> [machine.add(CheckResult.OK).value for _ in range(3)]
    ['INIT', 'INIT', 'VALID']
    >>> [machine.add(CheckResult.ERROR).value for _ in range(3)]
    ['VALID', 'VALID', 'INVALID']
    """

    __slots__ = ("_limits", "_window", "errors", "oks", "state")

    def __init__(self, limits: E2ELimits) -> None:
        self._limits = limits
        self.restart()

    def restart(self) -> None:
        """Back to NODATA (E2E_SMCheckInit)."""
        self.state = State.NO_DATA
        self._clear(self._limits.window_init)

    def add(self, result: CheckResult) -> State:
        """Take the result of one check; returns the state after it."""
        limits, state = self._limits, self.state
        if state is State.NO_DATA:
            if result is not CheckResult.ERROR and result is not CheckResult.NO_NEW_DATA:
                self.state = State.INIT
            return self.state
        self._push(result)
        if state is State.VALID:
            if self.errors > limits.max_error_valid or self.oks < limits.min_ok_valid:
                self._go(State.INVALID)
        elif state is State.INIT:
            if self.errors <= limits.max_error_init and self.oks >= limits.min_ok_init:
                self._go(State.VALID)
            elif self.errors > limits.max_error_init:
                self._go(State.INVALID)
        elif self.errors <= limits.max_error_invalid and self.oks >= limits.min_ok_invalid:
            self._go(State.VALID)
        return self.state

    def steady(self) -> bool:
        """Whether another OK changes nothing: VALID, and the window holds nothing else."""
        return self.state is State.VALID and self.oks == self._window.maxlen

    def _push(self, result: CheckResult) -> None:
        window = self._window
        if len(window) == window.maxlen:
            gone = window[0]
            self.oks -= gone in _OK
            self.errors -= gone is CheckResult.ERROR
        window.append(result)
        self.oks += result in _OK
        self.errors += result is CheckResult.ERROR

    def _go(self, state: State) -> None:
        size = self._limits.window_valid if state is State.VALID else self._limits.window_invalid
        clears = state is State.INVALID and self._limits.clear_to_invalid
        kept = () if clears else tuple(self._window)
        self.state = state
        self._clear(size)
        for result in kept:
            self._push(result)

    def _clear(self, size: int) -> None:
        self._window: deque[CheckResult] = deque(maxlen=size)
        self.oks = 0
        self.errors = 0
