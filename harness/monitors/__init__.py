"""Checks that watch: pure folds over what was seen, the same online and over a recording."""
