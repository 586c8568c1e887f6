"""``harness monitor``: what goes over the channels of a bench, live and decoded, in the terminal."""
