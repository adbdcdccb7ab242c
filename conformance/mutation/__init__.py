"""Puts mistakes into Keras' recurrent code, records which cases and probes reject each, and chooses level quick by that.

It imports `running`, `matrix`, `probes`, `known`, `judging`, the adapter of Keras, `cases`, `system` and `lstm_ref`. No other room
imports it.
"""
