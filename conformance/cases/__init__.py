"""A case and the stimulus that is drawn for it: what is asked of an implementation.

It imports `lstm_ref` only.
"""
