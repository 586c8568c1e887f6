"""Every message of every real database can be planned, sent, and set; what goes out can be understood."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from harness.errors import DatabaseError, HarnessWarning, ValueRangeError
from harness.restbus import plan_messages
from harness.signals.database import load_database
from tests.restbus.scripted_port import Sender

FILES = Path(__file__).parents[3] / "shared" / "data" / "dbc" / "files"


@pytest.mark.skipif(not FILES.is_dir(), reason=f"no real databases at {FILES}")
def test_real_databases() -> None:
    messages = 0
    for path in sorted(FILES.rglob("*.dbc")):
        try:
            database = load_database(path, strict=False)
        except DatabaseError:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", HarnessWarning)
            plans = plan_messages(message for message in database.messages if not message.container)
        sender = Sender(*plans)
        sender.transmitter.start()
        for tx in sender.transmitter.messages:
            messages += 1
            for signal in tx.plan.message.signals:
                for value in signal.physical_range:
                    try:
                        tx.set({signal.name: value})
                    except ValueRangeError as error:
                        assert "multiplexer" in str(error)  # numbers that select nothing
                    tx.send_now()
                    problem = tx.plan.message.codec.decodable(sender.port.payloads[-1])
                    assert problem is None, f"{path.name}: {problem}"
    assert messages > 1000
