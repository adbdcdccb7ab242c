"""The parts of a standalone script, one file for each: the Keras code, the NumPy code, the second run of a relation, the limits."""
