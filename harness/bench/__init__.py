"""The bench: a world assembled from a bench file, and what a test does with it."""

from harness.bench.bench import Bench
from harness.bench.blueprint import Blueprint
from harness.bench.disturb import BitFault, Disturbance, Silence, UnknownFrame, WrongCounter, WrongCrc, WrongLength
from harness.bench.expectation import Result
from harness.bench.file import BenchFile, NodeState, load_bench_file
from harness.bench.stimulus import Stimulus

__all__ = [
    "Bench",
    "BenchFile",
    "BitFault",
    "Blueprint",
    "Disturbance",
    "NodeState",
    "Result",
    "Silence",
    "Stimulus",
    "UnknownFrame",
    "WrongCounter",
    "WrongCrc",
    "WrongLength",
    "load_bench_file",
]
