"""From two observations to a verdict: `compare` measures, a check judges, a verdict says the outcome.

It imports `reference`, `adapters`, `cases` and `system`; no report and no framework.
"""
