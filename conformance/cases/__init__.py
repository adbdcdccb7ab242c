"""Cases, and the stimulus that is drawn for a case: the inputs of a comparison.

It imports `lstm_ref` only.
"""
