"""Running cases: one case, a pool of workers, a session with its journal and progress, and the comparison of kept runs.

It imports every room that a result needs, `report` and `matrix` among them; commands are built on it.
"""
