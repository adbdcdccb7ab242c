"""A user's own model file: it is read without running any code of it, and each LSTM in it is verified with its own weights.

It may import `running`, `report` and the rooms below them; `upgrade` does not import it.
"""
