"""Recordings: written while a test runs, read back frame by frame or as columns, decoded column by column."""
