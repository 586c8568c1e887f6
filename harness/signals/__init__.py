"""Network databases, the codec between payload and signals, and live signals."""
