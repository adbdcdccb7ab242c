"""Isolated Python environments, and the worker that runs an implementation in one of them.

It imports `adapters`, `cases` and `system`. The worker imports nothing of the suite.

A spec (spec.py) names an environment; a recipe (recipes.toml) says how it is made; build.py provides it. worker.py is the one file
that runs inside; process.py talks with it, protocol.py translates cases and observations, recorded.py answers in its place from
recordings.
"""

# Key of an environment: the deviations that describe the implementation, joined by +.
DESCRIBED_BY = "described by"
