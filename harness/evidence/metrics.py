"""``performance.json``: reaction times, margins and bus loads, as Allure 3 shows and follows them over the runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def metrics(tests: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The metrics of tests as :func:`harness.evidence.json_sink.facts_of` describes them, each with its ``node``.

    One per measure of a passed check and per channel. The cases of a parametrised test, and what one test measures
    several times, are samples of one metric.

    >>> measure = {"name": "reaction time of Lamp == On", "value": 32.5, "unit": "ms", "better": "lower"}
    >>> test = {"node": "test_lamp.py::test_on[3]", "checks": [{"measures": [measure]}], "worlds": []}
    >>> [(each["title"], each["value"], each["unit"]) for each in metrics([test])]
    [('reaction time of Lamp == On (on)', 32.5, 'ms')]
    """
    found: list[dict[str, Any]] = []
    for test in tests:
        node = str(test["node"]).partition("[")[0]
        short = node.rpartition("::")[2].removeprefix("test_").replace("_", " ")
        for check in test["checks"]:
            for each in check["measures"]:
                group = "reaction times" if each["better"] == "lower" else "margins"
                found.append(_metric(found, group, f"{node}: {each['name']}", f"{each['name']} ({short})", each))
        for world in test["worlds"]:
            for channel, load in world["bus_load"].items():
                measured = {"value": load * 100, "unit": "%", "better": "lower"}
                found.append(_metric(found, "bus load", f"bus load of {channel}", f"bus load of {channel}", measured))
    return found


def _metric(
    before: list[dict[str, Any]], group: str, key: str, title: str, measured: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "id": f"{key} #{len(before)}", "key": key, "value": measured["value"], "start": 0, "stop": 0,
        "title": title, "unit": measured["unit"], "better": measured["better"],
        "group": group, "groupTitle": group.capitalize(),
    }  # fmt: skip
