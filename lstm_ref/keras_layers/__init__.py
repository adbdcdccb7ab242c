"""`from_keras`: the reference of a real Keras layer, read by duck typing and checked by what the layer computes.

It imports the LSTM and `uncertainty`; it never imports Keras.
"""
