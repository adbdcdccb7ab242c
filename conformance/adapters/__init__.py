"""One file per kind of implementation; each imports its framework inside functions."""
