"""The simulated vehicle as a process of its own, in real time, behind any CAN interface."""
