"""Services of the machine: array files, scratch folders, the lifetime of processes, and messages for faults and errors.

It imports `lstm_ref` and nothing else of the suite.
"""
