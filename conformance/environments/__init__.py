"""Isolated Python environments, and the worker that runs an implementation in one.

It imports `adapters`, `cases` and `system`; the worker itself imports nothing of the suite.

A spec (spec.py) names an environment; a recipe (recipes.toml) says how it is made; build.py provides it. worker.py is the one file
that runs inside; process.py talks with it, protocol.py translates cases and observations, recorded.py answers in its place from
recordings.
"""

# What an adapter says of itself under this name: the deviations that describe it, joined by +.
DESCRIBED_BY = "described by"
