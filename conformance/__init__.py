"""The suite: pytest, command line and Python API over one generator of results.

A case becomes a stimulus; the oracle and the implementation under test each turn it into an observation; `compare` measures the gap
against a derived bound; a check judges it; a verdict goes into a report.
"""
