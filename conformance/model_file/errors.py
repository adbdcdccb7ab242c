"""The error of a model file that cannot be read."""

from __future__ import annotations

from lstm_ref import LSTMError


class ModelFileError(LSTMError):
    """The file cannot be read, or is not safe to read; the message says what is wrong, what is expected and what to do."""
