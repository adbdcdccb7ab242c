"""A user's own model file: read without running any code of it, each LSTM in it verified with its own weights."""
