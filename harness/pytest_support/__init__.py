"""What the pytest plugin does once a test uses the harness. Loaded by :mod:`harness.plugin`, not by pytest itself."""
