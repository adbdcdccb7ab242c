"""The parts of a standalone script, one file for each: what Keras is told, what NumPy expects, and what is asked a second time."""
