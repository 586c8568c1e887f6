"""Whether the bench, and not the product, is the reason for what a test ended with. Only real benches have faults."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pytest

from harness.bench.doubts import BEFORE_NS, excuse
from harness.bench.left_out import LeftOut
from harness.errors import Blocked, ExpectationFailed, HarnessError, Inconclusive, IntegrityError
from harness.evidence.verdicts import Verdict, verdict_of
from harness.units import time_text

if TYPE_CHECKING:
    from harness.pytest_support.open_world import Share


def explained(
    shares: Sequence[Share],
    failure: BaseException,
    seen: Sequence[HarnessError] = (),
    doubts: Sequence[HarnessError] = (),
) -> BaseException:
    """What a test that failed ends with: *blocked* or *inconclusive* where the bench explains it, else as it failed.

    seen, doubts: what its worlds went wrong with meanwhile, and what could not be told in them. What speaks against the
    bench and explains nothing becomes a note.
    """
    if isinstance(failure, (Blocked, pytest.skip.Exception, pytest.xfail.Exception)):
        return failure
    return _fault(shares, failure, seen) or _lateness(shares, failure) or _left_out(failure, doubts) or failure


def nobody_there(shares: Sequence[Share]) -> HarnessError | None:
    """Why a test that passed has shown nothing: on a channel that it used nobody was there, and that by evidence.

    A silent bus, for instance, is what such a test finds with the supply off, too. None: nothing speaks against it.
    """
    for share in shares:
        for diagnosis in share.diagnoses() if share.touched else ():
            reason = diagnosis.reason()
            if reason is not None and diagnosis.alone:
                return Blocked(f"{reason}.\nThe test found nothing wrong, but so it would without any device.")
    return None


def is_of_a_frame(failure: BaseException) -> bool:
    """Whether it is about what a frame says, and not about when it came."""
    return isinstance(failure, IntegrityError) and not failure.timed


def _fault(shares: Sequence[Share], failure: BaseException, seen: Sequence[HarnessError]) -> HarnessError | None:
    of_frame = is_of_a_frame(failure)
    lost = next((str(each) for each in seen if isinstance(each, Blocked)), None)
    for share in shares:
        live = share.world.bench.world.live
        if live is None or (isinstance(failure, Inconclusive) and failure is live.loop.failure):
            continue  # what stopped this world says why: received frames were lost
        used = share.diagnoses(failure.channel if isinstance(failure, IntegrityError) else "")
        # An adapter that is unplugged makes no checksum wrong; what it brought before that was seen.
        reasons = [each.misreads() if of_frame else each.reason() for each in used]
        if not of_frame:
            reasons += [live.instrument_fault(), lost]
        reason = next(filter(None, reasons), None)
        if reason is not None:
            return _instead(Blocked(f"{reason}.\nThe test ended with: {failure}"), failure)
        for other in live.diagnoses(()):
            if other not in used and (reason := other.reason()) is not None:
                _note(failure, f"something is wrong with a channel that this test does not use: {reason}")
    return None


def _lateness(shares: Sequence[Share], failure: BaseException) -> HarnessError | None:
    """Why a failure says nothing: the bench itself was too late when that could matter. None where it was not."""
    if not _is_red(failure) or is_of_a_frame(failure):
        return None
    if isinstance(failure, IntegrityError) and failure.punctual:
        return None
    for share in shares:
        world = share.world.bench.world
        if world.accounting is None:
            continue
        limit, accounting, now = world.blueprint.file.late_limit, world.accounting, world.loop.now
        since = _matters_since(share, failure)
        late = excuse(accounting, limit, since, now)
        if late:
            return _instead(Inconclusive(f"the test failed, but {late}.\nIt failed with: {failure}"), failure)
        if accounting.worst(share.since, since) > limit:
            _note(
                failure,
                f"the bench was late by more than {time_text(limit)} earlier in this test, before {time_text(since)} "
                f"({accounting.text(share.since, since)})",
            )
    return None


def _left_out(failure: BaseException, doubts: Sequence[HarnessError]) -> HarnessError | None:
    """Why a failure says nothing: the device saw a rest-bus that was broken. No gap makes a checksum wrong."""
    left_out = next((each for each in doubts if isinstance(each, LeftOut)), None)
    if left_out is None or not _is_red(failure) or is_of_a_frame(failure):
        return None
    return _instead(Inconclusive(f"{left_out}.\nIt failed with: {failure}"), failure)


def _is_red(failure: BaseException) -> bool:
    return verdict_of(failure) is Verdict.FAILED or isinstance(failure, pytest.fail.Exception)


def _instead(error: HarnessError, failure: BaseException) -> HarnessError:
    error.__cause__ = failure
    return error


def _matters_since(share: Share, failure: BaseException) -> int:
    """From when on it matters for a failure that just came how late the bench was, ns of its world.

    From some time before what was judged; where the test itself judges, before the last thing that it did.
    """
    claimed = isinstance(failure, (ExpectationFailed, IntegrityError))
    starts = (
        event.claim.window[0] if event.claim is not None and event.claim.window is not None else event.time
        for event in reversed(share.events)
        if (event.verdict is Verdict.FAILED if claimed else event.kind in ("stimulus", "plant"))
    )
    return max(share.since, next(starts, share.since) - BEFORE_NS)


def _note(failure: BaseException, text: str) -> None:
    if text not in getattr(failure, "__notes__", ()):
        failure.add_note(text)
