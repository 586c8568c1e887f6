"""Lateness as it is counted: percentiles to 10 µs, the worst exactly."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from harness.serve.lateness import STEP_NS, Account, Lateness

LATE_NS = st.integers(0, 99_000_000)


@settings(deadline=None)
@given(st.lists(LATE_NS, min_size=1, max_size=200), st.sampled_from([0.0, 0.5, 0.9, 0.99, 1.0]))
def test_a_share_of_all_stays_below_its_quantile(late_ns: list[int], share: float) -> None:
    late = Lateness()
    for each in late_ns:
        late.add(each)
    quantile = late.quantile(share)
    assert late.count == len(late_ns) and late.worst_ns == max(late_ns)
    assert sum(each <= quantile for each in late_ns) >= share * len(late_ns)
    # And it is no more than one step above the smallest number for which that is so.
    assert sum(each < quantile - STEP_NS for each in late_ns) <= share * len(late_ns)
    assert quantile <= late.worst_ns


def test_nothing_was_late_before_anything_happened() -> None:
    assert Lateness().quantile(0.99) == 0 and Account().ask() == 0


def test_what_is_later_than_the_scale_is_still_the_worst() -> None:
    late = Lateness()
    late.add(5_000_000_000)
    assert late.worst_ns == late.quantile(0.5) == 5_000_000_000


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["sent", "taken", "answered", "started"]), LATE_NS)))
def test_the_worst_of_all_kinds_is_told_once(happened: list[tuple[str, int]]) -> None:
    account = Account()
    for kind, late_ns in happened:
        account.add(getattr(account, kind), late_ns)
    assert account.ask() == max((late_ns for _, late_ns in happened), default=0)
    assert account.ask() == 0
