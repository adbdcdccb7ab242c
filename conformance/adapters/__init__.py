"""Adapters drive an implementation under test: their protocol, their observations, and the conventions of backends.

It imports `cases` and the layers below. Each kind of implementation has its own module, which imports its framework inside
functions. `worker` imports nothing of the suite: other interpreters run it by its path.
"""
