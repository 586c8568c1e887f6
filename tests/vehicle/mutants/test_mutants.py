"""The suites can fail: each requirement has faulty vehicles that turn a test of it red, for the right reason.

``pytest tests/vehicle/mutants`` tries one mutant per node; ``-m "slow or not slow"`` all of them. The table of what was
noticed by which test is printed by ``python tests/vehicle/mutants [WORD ...]``; WORD is a requirement, a node, or part
of a fault. A new mutant is one entry in one of the tables ``*_mutants.py``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator

import pytest
from control_mutants import CONTROLS
from judge import ROOT, Judge
from mutant import Mutant
from tables import MUTANTS

REQUIREMENTS = [
    name for name in tomllib.loads((ROOT / "suites" / "requirements.toml").read_text()) if name.startswith("VEH-")
]
WITHOUT_THRESHOLD = {"VEH-009", "VEH-022", "VEH-031", "VEH-032", "VEH-044", "VEH-060"}
"""Requirements that limit no value (VEH-044 and VEH-060 limit cycles, which are times)."""
WITHOUT_TIME = {"VEH-005", "VEH-009", "VEH-013", "VEH-032", "VEH-041", "VEH-051", "VEH-061"}
"""Requirements that limit no time (VEH-013 limits an error over an hour, not the hour)."""

SAMPLE = {
    "brake lamps go on above 3.2 %",
    "derating begins at 45.2 °C",
    "brake hydraulics are ten times too slow",
    "frames are forwarded 5 ms late",
    "telltales follow 200 ms late",
    "permission is followed 200 ms late",
    "anti-lock control begins above 21 % slip",
    "DC link is not discharged",
    "pedals count as pressed above 10.2 %",
}
"""One mutant per node, and one of the plant."""


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with Judge() as judge:
        yield judge


@pytest.mark.parametrize(("verdict", "control"), CONTROLS, ids=lambda each: str(each).partition(": ")[2] or each)
def test_the_judge_can_tell(judge: Judge, verdict: str, control: Mutant) -> None:
    assert judge.judge(control).verdict == verdict


def of(requirement: str) -> list[Mutant]:
    """The mutants of a requirement."""
    return [mutant for mutant in MUTANTS if mutant.requirement == requirement]


@pytest.mark.parametrize("requirement", REQUIREMENTS)
def test_every_requirement_has_mutants(requirement: str) -> None:
    """Two at least; one of a threshold and one of a time where the requirement has both."""
    kinds = {mutant.kind for mutant in of(requirement)}
    assert len(of(requirement)) >= 2
    assert ("threshold" in kinds) >= (requirement not in WITHOUT_THRESHOLD)
    assert ("time" in kinds) >= (requirement not in WITHOUT_TIME)


def test_mutants_have_names_of_their_own() -> None:
    faults = [mutant.fault for mutant in MUTANTS]
    assert len(set(faults)) == len(faults)
    assert all(mutant.test and mutant.shows for mutant in MUTANTS)
    assert {mutant.requirement for mutant in MUTANTS} == set(REQUIREMENTS)


def test_the_sample_has_one_mutant_per_node() -> None:
    nodes = [mutant.node for mutant in MUTANTS if mutant.fault in SAMPLE]
    assert sorted(nodes) == sorted({mutant.node for mutant in MUTANTS})
    assert len(nodes) == len(SAMPLE)


@pytest.mark.parametrize(
    "mutant",
    [
        pytest.param(mutant, id=str(mutant), marks=[] if mutant.fault in SAMPLE else pytest.mark.slow)
        for mutant in MUTANTS
    ],
)
def test_mutant_is_noticed(judge: Judge, mutant: Mutant) -> None:
    """A test marked with the requirement fails, speaks of the fault, and passes without the mutant."""
    outcome = judge.judge(mutant)
    assert outcome.verdict == "caught", f"{outcome.test or mutant.test}: {outcome.message}"
