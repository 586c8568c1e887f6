"""Reaction times, margins and bus loads, as Allure 3 shows and follows them over the runs.

Files named ``*-perf.json`` in a results folder; one per bench, since runs on several benches may share a folder.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def metrics(tests: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The metrics of tests as :func:`harness.evidence.json_sink.facts_of` describes them.

    One sample per measure of a check, and per world and channel. What several tests on one bench measure under one
    name is one metric, of which Allure shows mean, smallest and greatest.

    >>> measure = {"name": "reaction time of Lamp == On", "value": 32.5, "unit": "ms", "better": "lower"}
    >>> test = {"checks": [{"measures": [measure]}], "worlds": [{"bench": "rack", "bus_load": {"body": 0.25}}]}
    >>> [(each["key"], each["value"], each["unit"]) for each in metrics([test])]
    [('reaction time of Lamp == On, rack', 32.5, 'ms'), ('bus load of body, rack', 25.0, '%')]
    >>> [each["groupTitle"] for each in metrics([test])]
    ['rack: reaction times', 'rack: bus load']
    """
    found: list[dict[str, Any]] = []

    def add(group: str, name: str, value: float, unit: str, better: str) -> None:
        group = f"{bench}: {group}"
        found.append(
            {
                "id": str(len(found)), "key": f"{name}, {bench}", "value": round(value, 6), "start": 0, "stop": 0,
                "title": name, "unit": unit, "better": better, "group": group, "groupTitle": group,
            }
        )  # fmt: skip

    for test in tests:
        bench = test["worlds"][0]["bench"] if test["worlds"] else ""
        for check in test["checks"]:
            for each in check["measures"]:
                group = "reaction times" if each["better"] == "lower" else "margins"
                add(group, each["name"], each["value"], each["unit"], each["better"])
        for world in test["worlds"]:
            for channel, load in world["bus_load"].items():
                add("bus load", f"bus load of {channel}", load * 100, "%", "lower")
    return found
