"""The requirement matrix."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from harness.evidence.matrix import NOT_COLLECTED, NOT_COVERED, NOT_RUN, Matrix
from harness.evidence.verdicts import Verdict, worst
from harness.requirements import Requirement, Requirements

IDS = [f"R-{number}" for number in range(5)]
KNOWN = Requirements({identifier: Requirement(identifier, f"text of {identifier}", "C") for identifier in IDS}, "Thing")

tests = st.dictionaries(
    st.sampled_from(["a", "b", "c", "d"]),
    st.tuples(st.lists(st.sampled_from(IDS), max_size=3), st.none() | st.sampled_from(Verdict)),
)


@given(tests)
def test_every_requirement_has_one_state_that_follows_from_its_tests(tests: dict) -> None:  # type: ignore[type-arg]
    matrix = Matrix(KNOWN)
    for name, (claims, verdict) in tests.items():
        matrix.claim(name, claims)
        if verdict is not None:
            matrix.judge(name, verdict)
    rows = {row.requirement.id: row for row in matrix.rows()}
    assert list(rows) == IDS
    for identifier, row in rows.items():
        mine = [verdict for claims, verdict in tests.values() if identifier in claims]
        ran = [verdict for verdict in mine if verdict is not None]
        expected = NOT_COVERED if not mine else NOT_RUN if not ran else str(worst(ran))
        assert row.state == expected
    assert sum(len(ids) for ids in matrix.states().values()) == len(IDS)


@given(tests)
def test_what_one_process_knows_can_be_said_in_any_order_and_twice(tests: dict) -> None:  # type: ignore[type-arg]
    forth, back = Matrix(KNOWN), Matrix(KNOWN)
    for matrix, items in ((forth, list(tests.items())), (back, list(tests.items())[::-1] * 2)):
        for name, (claims, verdict) in items:
            if verdict is not None:
                matrix.judge(name, verdict)
            matrix.claim(name, claims)
    assert forth.to_json() == back.to_json()
    assert forth.to_html() == back.to_html()


def test_the_worse_of_call_and_teardown_stands() -> None:
    matrix = Matrix(KNOWN)
    matrix.claim("t", ["R-1"])
    matrix.judge("t", Verdict.FAILED)
    matrix.judge("t", Verdict.PASSED)
    assert matrix.states()["failed"] == ["R-1"]


def test_as_json() -> None:
    matrix = Matrix(KNOWN)
    matrix.claim("t", ["R-1"])
    found = json.loads(matrix.to_json())
    assert found["title"] == "Thing"
    assert found["requirements"][1] == {
        "id": "R-1", "asil": "C", "text": "text of R-1", "state": "not run", "tests": {"t": "not run"}
    }  # fmt: skip


def test_as_html_everything_is_escaped() -> None:
    matrix = Matrix(Requirements({"R<1": Requirement("R<1", "a < b & c")}))
    matrix.claim("test_x<[b]", ["R<1"])
    matrix.judge("test_x<[b]", Verdict.BLOCKED)
    page = matrix.to_html()
    assert "R&lt;1" in page and "a &lt; b &amp; c" in page and "test_<wbr>x&lt;" in page
    assert "blocked" in page and "<script" not in page


def test_as_html_the_cases_of_a_test_share_a_line() -> None:
    matrix = Matrix(KNOWN)
    for case, verdict in (("a", Verdict.PASSED), ("b", Verdict.PASSED), ("c", Verdict.FAILED), ("d", None)):
        matrix.claim(f"test_x[{case}]", ["R-1"])
        if verdict is not None:
            matrix.judge(f"test_x[{case}]", verdict)
    page = matrix.to_html()
    assert page.count("test_<wbr>x") == 1
    assert all(f">{text}<" in page for text in ("2 passed", "1 failed", "1 not run"))


def test_of_a_part_of_the_suites_nothing_is_said_to_be_not_covered() -> None:
    matrix = Matrix(KNOWN, partial=True)
    matrix.claim("t", ["R-1"])
    assert matrix.states() == {NOT_RUN: ["R-1"], NOT_COLLECTED: ["R-0", "R-2", "R-3", "R-4"]}
    assert json.loads(matrix.to_json())["partial"] is True
    assert "Only part of the suites was collected." in matrix.to_html()
    assert "Only part" not in Matrix(KNOWN).to_html()


def test_as_html_a_test_is_broken_between_words_only() -> None:
    matrix = Matrix(KNOWN)
    matrix.claim("suites/body/test_x.py::test_lamp_on[a-b]", ["R-1"])
    page = matrix.to_html()
    assert "suites/<wbr>body/<wbr>test_<wbr>x.py::<wbr>test_<wbr>lamp_<wbr>on</code>" in page
    assert "overflow-wrap:anywhere" not in page
