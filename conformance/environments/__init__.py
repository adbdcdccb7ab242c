"""Isolated Python environments, and what runs an implementation in one.

It imports `adapters`, `cases` and `system`.

A spec (spec.py) names an environment; a recipe (recipes.toml) says how it is made; build.py provides it. process.py talks with the
worker that runs inside (`adapters/worker`), recorded.py answers in its place from recordings.
"""

# Key of an environment: the deviations that describe the implementation, joined by +.
DESCRIBED_BY = "described by"
