"""ECU models and plant of the reference vehicle, built on :mod:`harness.ecu` and :mod:`harness.plant`."""
