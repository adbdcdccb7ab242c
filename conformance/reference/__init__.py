"""The expected side: the oracle's answer to a case, its σ, and the reference as an adapter.

It imports `adapters`, `cases` and `lstm_ref`; never an implementation under test.
"""
