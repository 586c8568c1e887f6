"""What a world gives an ECU model: its place in the vehicle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from harness.ecu.names import Names
from harness.loop import Loop, Owner
from harness.plant import Plant
from harness.restbus import Catalogue, Transmitter

if TYPE_CHECKING:
    from harness.bus.port import Port


@dataclass(frozen=True, slots=True)
class Link:
    """An ECU's connection to one channel.

    port: its own port, through which it hears the frames of others.
    messages: the plans of *all* messages of the channel, whoever sends them (also those without sender); the ECU takes
    from them how to decode and check what it receives, and the nominal cycle times.
    transmitter: everything that this node sends on the channel, made with the same port and the node's owner. The ECU
    starts and stops it; nobody else does.
    """

    port: Port
    messages: Catalogue
    transmitter: Transmitter


@dataclass(frozen=True, slots=True)
class EcuContext:
    """Everything that an ECU model may know of its world.

    name: of the node. owner: of the node, with its clock's drift; shared with the transmitters.
    links: by channel name. nvm: non-volatile memory; hand in the same dict again to keep it over several worlds.
    parameters: the node's ``parameters`` in the bench file. names: what names mean to the node; None: what its links
    say, worked out anew.
    """

    name: str
    loop: Loop
    owner: Owner
    links: Mapping[str, Link]
    plant: Plant
    parameters: Mapping[str, Any] = field(default_factory=dict)
    nvm: dict[str, Any] = field(default_factory=dict)
    names: Names | None = None
