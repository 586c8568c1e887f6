"""Generated scenarios: Hypothesis strategies made from network databases."""

from harness.scenario.timelines import Timeline, play, timeline
from harness.scenario.values import values

__all__ = ["Timeline", "play", "timeline", "values"]
