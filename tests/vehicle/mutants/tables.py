"""All mutants."""

from __future__ import annotations

from battery_mutants import BATTERY
from body_mutants import BODY
from cluster_mutants import CLUSTER
from drive_mutants import DRIVE
from gateway_mutants import GATEWAY
from lighting_mutants import LIGHTING
from motion_mutants import MOTION
from mutant import Mutant
from network_mutants import NETWORK

MUTANTS: tuple[Mutant, ...] = (*BATTERY, *DRIVE, *MOTION, *LIGHTING, *BODY, *CLUSTER, *GATEWAY, *NETWORK)
