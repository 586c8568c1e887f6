"""The python-can interface ``harness``: any python-can program joins a simulated bus that runs on the wall clock."""
