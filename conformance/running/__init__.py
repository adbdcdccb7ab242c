"""Running cases: one case, a pool of workers, a session with its journal and progress, and the comparison of observations.

It may import every room that a result needs, `report` and `matrix` among them. The commands use it.
"""
