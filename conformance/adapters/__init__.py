"""What drives an implementation under test: the protocol of an adapter, what it observes, and the conventions of backends.

It imports `cases` and what is below; each kind of implementation is a room or a file of its own, and
imports its framework inside functions. `worker` imports nothing of the suite: other interpreters run it by its path.
"""
