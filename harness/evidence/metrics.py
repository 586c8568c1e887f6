"""``performance.json``: reaction times, margins and bus loads, as Allure 3 shows and follows them over the runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def metrics(tests: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The metrics of tests as :func:`harness.evidence.json_sink.facts_of` describes them.

    One sample per measure of a check, and per world and channel. What several tests measure under one name is one
    metric, of which Allure shows mean, smallest and greatest.

    >>> measure = {"name": "reaction time of Lamp == On", "value": 32.5, "unit": "ms", "better": "lower"}
    >>> test = {"checks": [{"measures": [measure]}], "worlds": [{"bus_load": {"body": 0.25}}]}
    >>> [(each["key"], each["value"], each["unit"], each["groupTitle"]) for each in metrics([test])]
    [('reaction time of Lamp == On', 32.5, 'ms', 'Reaction times'), ('bus load of body', 25.0, '%', 'Bus load')]
    """
    found: list[dict[str, Any]] = []

    def add(group: str, name: str, value: float, unit: str, better: str) -> None:
        found.append(
            {
                "id": str(len(found)), "key": name, "value": round(value, 6), "start": 0, "stop": 0,
                "title": name, "unit": unit, "better": better, "group": group, "groupTitle": group,
            }
        )  # fmt: skip

    for test in tests:
        for check in test["checks"]:
            for each in check["measures"]:
                group = "Reaction times" if each["better"] == "lower" else "Margins"
                add(group, each["name"], each["value"], each["unit"], each["better"])
        for world in test["worlds"]:
            for channel, load in world["bus_load"].items():
                add("Bus load", f"bus load of {channel}", load * 100, "%", "lower")
    return found
