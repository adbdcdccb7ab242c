"""The adapter of `keras.layers.LSTM` in this process: the worker's layers and routes, and what only Keras 3 has.

It imports `adapters`, `cases` and `system`.
"""
