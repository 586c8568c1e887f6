"""What is done with recordings: check them, compare two of them."""
