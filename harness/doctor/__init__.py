"""``harness doctor``: what this machine has, whether a bench can run, and what to do where it cannot."""
