"""One recording judged: by the bus contract and the properties of a bench, block by block.

Memory holds a block and what undecided properties need, however long the recording is.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from harness.bench.accounting import Accounting
from harness.bench.recorded import UNKNOWN, Damaged
from harness.evidence.verdicts import Verdict, worst
from harness.frames import ErrorFrame, Received, id_text
from harness.logs.columns import FrameColumns
from harness.logs.decode import Decoder
from harness.logs.exactness import read_exactness
from harness.logs.problems import LogProblem
from harness.logs.reading import Log, open_log
from harness.monitors.blocks import ContractColumns
from harness.monitors.monitor import Outcome, Violation
from harness.monitors.sleep import NetworkSleep
from harness.offline.check_awake import Awake
from harness.offline.check_bench import CheckBench
from harness.offline.check_doubts import Doubts
from harness.offline.check_fit import better_fit, same_groups
from harness.temporal.offline import Chunks
from harness.units import time_text

NO_TIME = time_text(0)
PROPERTIES = "properties"
"""The family of temporal properties."""
BEFORE_NS, AFTER_NS = 200_000_000, 100_000_000
"""How much of a recording is kept around a violation."""
MOST_AROUND = 2_000
"""Frames around a violation at most."""
STRANGE = 0.5
"""With more unknown frames than this share of them, bench and recording do not belong together."""

Progress = Callable[[float], object]


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one check came to.

    family: what checks of its sort are called together. verdict: None where there was nothing to judge and nobody asked
    for this check by name. requirement: identifier, "" for none. around: frames around the first violation, where
    somebody wanted them.
    """

    family: str
    outcome: Outcome
    verdict: Verdict | None
    requirement: str = ""
    around: Sequence[Received | ErrorFrame] = ()

    @property
    def first(self) -> Violation | None:
        """The first violation."""
        return self.outcome.violations[0] if self.outcome.violations else None


@dataclass(frozen=True, slots=True)
class Checked:
    """One recording, judged.

    verdict: of the whole; reason: what no check says about it (damage, unknown frames, that it cannot be read), ""
    otherwise. begin, end: its first frame, and
    its last one or the end that it tells itself, ns since it began. frames: how many were judged, error frames
    included. channels: the bench's, each with that in the file. unknown: unknown frames by channel and identifier.
    remarks: what a reader should know.
    """

    path: Path
    sha256: str
    verdict: Verdict
    reason: str
    begin: int
    end: int
    frames: int
    channels: Mapping[str, str]
    results: Sequence[CheckResult]
    unknown: Mapping[tuple[str, int], int] = field(default_factory=dict)
    problems: Sequence[LogProblem] = ()
    remarks: Sequence[str] = ()


def check_recording(
    path: Path,
    bench: CheckBench,
    *,
    channels: Mapping[str, str] | None = None,
    damaged: Damaged = "inconclusive",
    surroundings: bool = False,
    progress: Progress = lambda fraction: None,
) -> Checked:
    """Judge a recording.

    channels: the bench's names, each with that in the file, where they do not speak for themselves. damaged: what
    damage in the file makes of a recording that would pass. surroundings: keep the frames around first violations, for
    which the file is read again. progress: told now and then how much is read, 0 to 1.
    Raises :class:`~harness.errors.LogError` for what is no recording or does not fit the bench, and
    :class:`~harness.errors.MissingExtra`.
    """
    log = open_log(path, wanted=list(bench.messages), channels=channels or {})
    pass_ = _Pass(bench, log, chosen=bool(channels))
    for block in log.blocks():
        pass_.take(block)
        progress(log.fraction)
    found = pass_.finish(damaged)
    return replace(found, results=with_surroundings(log, found.results)) if surroundings else found


class _Pass:
    """One pass over a recording. chosen: whether the user said which channels are meant."""

    def __init__(self, bench: CheckBench, log: Log, *, chosen: bool) -> None:
        self._bench, self._log, self._chosen = bench, log, chosen
        own = log.own_channels
        names = dict(zip(log.channels, own, strict=True))
        self.channels = {name: names[name] for name in bench.messages if name in names}
        self._exactness = read_exactness(log.path)
        accounting = Accounting.of(self._exactness)
        self._doubts = Doubts(bench, accounting)
        self._contract: ContractColumns = bench.columns(self.channels, 0 if accounting is None else accounting.early)
        signals = sorted({signal.path for each in bench.properties for signal in each.formula.signals})
        self._awake = Awake(bench.awake, {name: bench.messages[name] for name in self.channels})
        self._decoder = Decoder(bench.messages, sorted({*signals, *self._awake.signals}))
        self._chunks: list[Chunks] = []
        self._begin = self._latest = 0
        self._frames = 0
        self._others: Counter[str] = Counter()
        self._problems: Sequence[LogProblem] = ()

    def take(self, block: FrameColumns) -> None:
        """Judge the next block."""
        if not len(block):
            return
        if not self._frames:
            self._begin = self._latest = int(block.time[0])
            self._contract.begin(self._begin)
            self._chunks = [Chunks(each.formula, self._begin, check=each.name) for each in self._bench.properties]
        time = block.time
        if time[0] < self._latest or (time[1:] < time[:-1]).any():
            block = replace(block, time=np.maximum(np.maximum.accumulate(time), self._latest))
        self._frames += len(block)
        self._latest = int(block.time[-1])
        names = self._log.channels
        self._count_others(block, names)
        columns = self._decoder.block(block, names) if self._chunks or self._awake.signals else {}
        self._awake.hear(columns)
        self._doubts.hear(block, names)
        self._doubts.sift(self._awake.sift(self._contract.block(block, names)))
        # Of the last instant there may be more in the next block.
        for chunk in self._chunks:
            chunk.feed(columns, self._latest - 1)

    def _count_others(self, block: FrameColumns, names: Sequence[str]) -> None:
        for number, name in enumerate(names):
            if name not in self.channels:
                self._others[name] += int(np.count_nonzero(block.channel == number))

    # -- the end ---------------------------------------------------------------------------------------------------

    def finish(self, damaged: Damaged) -> Checked:
        """Nothing more comes: what everything came to."""
        # Who recorded may have listened for longer than anything was sent: silence counts too.
        end = max(self._latest, self._log.end or 0) if self._frames else self._latest
        self._problems = tuple(self._log.problems)
        results = [*self._contract_results(end), *self._property_results(end)] if self._frames else []
        remarks = self._remarks(results, end)
        verdict, reason = self._verdict(results, damaged)
        return Checked(
            self._log.path, _sha256(self._log.path), verdict, reason, self._begin, end, self._frames, self.channels,
            results, dict(self._contract.unknown), self._problems, remarks,
        )  # fmt: skip

    def _contract_results(self, end: int) -> list[CheckResult]:
        last, outcomes = self._contract.finish(end)
        self._doubts.sift(self._awake.sift(last))
        self._doubts.finish()
        found = []
        for check, outcome in zip(self._contract.checks, outcomes, strict=True):
            left = self._doubts.left(check, self._awake.left(check, outcome))
            found.append(CheckResult(check.family, left, _verdict_of(left)))
        return found

    def _property_results(self, end: int) -> list[CheckResult]:
        found = []
        for one, chunk in zip(self._bench.properties, self._chunks, strict=True):
            chunk.feed({}, end)
            judged = chunk.finish()
            outcome = judged.outcome(one.name)
            left = self._doubts.left_of_property(outcome)
            verdict = Verdict(judged.verdict) if left is outcome else Verdict.INCONCLUSIVE
            found.append(CheckResult(PROPERTIES, left, verdict, one.requirement))
        return found

    def _verdict(self, results: Sequence[CheckResult], damaged: Damaged) -> tuple[Verdict, str]:
        """The verdict of the whole, and why it is neither passed nor failed."""
        unknown = self._contract.unknown.total()
        mine = self._frames - self._others.total()
        if not mine:
            return Verdict.INCONCLUSIVE, "the recording holds no frame of the bench's channels"
        if unknown > STRANGE * mine:
            return Verdict.BLOCKED, f"{unknown:,} of {mine:,} frames are unknown: the databases are of another network"
        found = [result.verdict for result in results if result.verdict is not None]
        verdict = worst(found) or Verdict.INCONCLUSIVE
        problems = self._problems
        if problems and damaged == "fail":
            return Verdict.FAILED, "the recording is damaged"
        if problems and damaged == "inconclusive" and verdict is Verdict.PASSED:
            return Verdict.INCONCLUSIVE, "the recording is damaged: what was lost cannot be judged"
        missing = [] if self._chosen else self._missing
        if missing and verdict is Verdict.PASSED:
            return Verdict.INCONCLUSIVE, f"{_channels_are(missing)} not in the recording: nothing of it was judged"
        if verdict is Verdict.INCONCLUSIVE:
            doubts = [result.outcome.doubt for result in results if result.verdict is Verdict.INCONCLUSIVE]
            return verdict, doubts[0] if doubts else "there was nothing to judge"
        return verdict, ""

    @property
    def _missing(self) -> list[str]:
        """Channels of the bench that the recording does not hold."""
        return [name for name in self._bench.messages if name not in self.channels]

    def _remarks(self, results: Sequence[CheckResult], end: int) -> tuple[str, ...]:
        """What a reader should know beside the verdicts."""
        found = [f"damaged at {problem}" for problem in self._problems]
        exact = self._doubts.remark(self._begin, end)
        found += [exact] if exact else []
        if "exactness" in self._log.metadata and self._exactness is None:
            found.append(f"this {UNKNOWN}")
        if self._missing:
            found.append(f"not in the recording, so not judged: {', '.join(self._missing)}")
        for name, count in self._others.items():
            if count:
                found.append(f"channel {name} is none of the bench's: {count:,} frames were not judged")
        for each in results:
            asleep = (
                dict(each.outcome.statistics).get("asleep", NO_TIME) if each.family == NetworkSleep.family else NO_TIME
            )
            if asleep != NO_TIME and not each.outcome.count:
                channel = each.outcome.check.rpartition(" ")[2]
                found.append(f"{channel} was silent as a whole for {asleep}: taken for sleep, dead would look the same")
        if self._awake.explained:
            found.append(f"{self._awake.explained:,} late or missing frames while the network said it was not awake")
        unknown = self._contract.unknown
        if unknown:
            listed = [f"{channel} {id_text(key)} ({count:,})" for (channel, key), count in unknown.most_common(8)]
            more = f" and {len(unknown) - 8} more" if len(unknown) > 8 else ""
            found.append(
                f"{len(unknown)} identifiers are in no database, {unknown.total():,} of {self._frames:,} frames: "
                f"{', '.join(listed)}{more}"
            )
            known = self._bench.known(list(self._bench.messages))
            fits = (better_fit(self._log, known, self.channels), same_groups(self._log, known, self.channels))
            found += [fit for fit in fits if fit]
        return tuple(found)


def with_surroundings(log: Log, results: Sequence[CheckResult]) -> list[CheckResult]:
    """The results, each with the frames around its first violation, in the order of time."""
    wanted = [(each.first.start - BEFORE_NS, each.first.time + AFTER_NS) for each in results if each.first is not None]
    last = max((end for _, end in wanted), default=-1)
    found: dict[tuple[int, int], list[Received | ErrorFrame]] = {window: [] for window in wanted}
    for block in log.blocks() if wanted else ():
        for (begin, end), frames in found.items():
            first, stop = np.searchsorted(block.time, [begin, end + 1]).tolist()
            frames += block[first : min(stop, first + MOST_AROUND - len(frames))].frames(log.channels)
        if int(block.time[-1]) > last:
            break
    return [
        each
        if each.first is None
        else replace(each, around=found[each.first.start - BEFORE_NS, each.first.time + AFTER_NS])
        for each in results
    ]


def _channels_are(names: Sequence[str]) -> str:
    return f"channel {names[0]} is" if len(names) == 1 else f"channels {', '.join(names)} are"


def _verdict_of(outcome: Outcome) -> Verdict | None:
    if outcome.count:
        return Verdict.FAILED
    if outcome.doubt:
        return Verdict.INCONCLUSIVE
    return Verdict.PASSED if outcome.judged_ns else None


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
