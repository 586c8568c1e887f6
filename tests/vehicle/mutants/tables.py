"""All mutants, and what the requirements ask of them."""

from __future__ import annotations

from battery_mutants import BATTERY
from body_mutants import BODY
from cluster_mutants import CLUSTER
from drive_mutants import DRIVE
from mutant import Mutant
from network_mutants import NETWORK

MUTANTS: tuple[Mutant, ...] = (*BATTERY, *DRIVE, *BODY, *CLUSTER, *NETWORK)
