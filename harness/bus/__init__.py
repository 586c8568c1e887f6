"""Ports: what a channel is connected to. Here: the port itself, and the simulated bus that is exact to the bit."""
