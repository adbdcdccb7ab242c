"""What the suite needs of the machine: files of arrays, scratch folders, lifetimes of processes, words for faults and refusals.

It imports `lstm_ref` and nothing else of the suite.
"""
