"""Puts mistakes into Keras' recurrent code, records which cases and probes reject each, and chooses level quick by that.

It imports `running`, `matrix`, `probes`, `known`, the adapter of Keras, `system` and `lstm_ref`. No other room imports it.
"""
