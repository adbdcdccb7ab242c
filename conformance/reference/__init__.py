"""The expected side of a comparison: the oracle's results for a case, their σ, and the reference as an adapter.

It imports `adapters`, `cases` and `lstm_ref`, and never an implementation under test.
"""
