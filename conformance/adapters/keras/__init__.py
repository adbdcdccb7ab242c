"""The adapter of `keras.layers.LSTM` in this process: it builds a case's layer, sets its weights and calls it by the case's route.

It imports `adapters`, `cases` and `system`.
"""
