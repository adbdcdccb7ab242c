"""A user's own model file: it is read without running any code of it, and each LSTM in it is verified with its own weights.

It imports `running`, `report` and what is below; `upgrade` does not know it.
"""
