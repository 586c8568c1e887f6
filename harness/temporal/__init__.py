"""Temporal properties over signals: a verdict, a margin, the interval of violation and the signals to blame."""
