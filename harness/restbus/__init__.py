"""The rest-bus: what the nodes that are not there send, and how every node sends its messages."""

from __future__ import annotations

from harness.restbus.alterations import Alteration
from harness.restbus.message import Change, Tamper, TxMessage
from harness.restbus.plan import Catalogue, MessagePlan, Supplements, plan_messages, stagger
from harness.restbus.reading import Pages, Reading
from harness.restbus.schedule import ScheduledMessage
from harness.restbus.sendtypes import SendType, parse_send_type
from harness.restbus.transmitter import Transmitter

__all__ = [
    "Alteration",
    "Catalogue",
    "Change",
    "MessagePlan",
    "Pages",
    "Reading",
    "ScheduledMessage",
    "SendType",
    "Supplements",
    "Tamper",
    "Transmitter",
    "TxMessage",
    "parse_send_type",
    "plan_messages",
    "stagger",
]
