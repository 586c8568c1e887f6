"""What kills checkers elsewhere, as tests of a suite: one that passes, one in which it happens, one after it, ..."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from live_car import Car, Outcome

GOOD = """
    bench.set("BrakePedal", 40 * percent)
    bench.expect(bench.signal("BrakeLamp") == "On", within=1500 * ms)
"""


@dataclass(frozen=True)
class Killer:
    """One thing that goes wrong.

    body: the test in which it does; the fixtures that it takes stand in ``takes``. verdict: what that test ends with, a
    pattern. why: a pattern that its message contains. after: the verdict of the test that follows. between: the pattern
    of a red result between the two tests, if there is one.
    """

    name: str
    body: str
    verdict: str
    why: str
    after: str = "passed"
    takes: str = ""
    between: str = ""

    def __str__(self) -> str:
        return self.name


def suite(killers: Sequence[Killer]) -> str:
    """A good test, then each killer and another good test."""
    parts = [f"def test_00_good(bench):{GOOD}"]
    for number, each in enumerate(killers, 1):
        takes = ", ".join(filter(None, ("bench", each.takes)))
        lines = "\n".join(f"    {line}" for line in each.body.strip().splitlines())
        parts.append(f"def test_{number:02}_{each.name}({takes}):\n{lines}\n")
        parts.append(f"def test_{number:02}_good_again(bench):{GOOD}")
    return "\n".join(parts)


def run(car: Car, bench: Path, killers: Sequence[Killer], *options: str, head: str = "", **environment: str) -> Outcome:
    """Run them all, one after the other, in one run."""
    return car.run(bench, f"{head}\n{suite(killers)}", *options, **environment)


def check(outcome: Outcome, killers: Sequence[Killer], killer: Killer) -> None:
    """The test in which it happened is red, and says why; the one before passes, and the one after as it says."""
    number = killers.index(killer) + 1
    before, name, after = "test_00_good", f"test_{number:02}_{killer.name}", f"test_{number:02}_good_again"
    told = f"{outcome.verdicts}\n{outcome.out}"
    assert outcome.verdicts[before] == "passed", told
    assert re.fullmatch(killer.verdict, outcome.verdicts[name]), told
    assert outcome.verdicts[after] == killer.after, told
    assert re.search(killer.why, outcome.message(name)), outcome.message(name)
    found = [each for each in outcome.tests if each.startswith(f"between tests, after {name}")]
    assert bool(found) is bool(killer.between), told
    if found:
        assert re.search(killer.between, outcome.message(found[0])), outcome.message(found[0])
