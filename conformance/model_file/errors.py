"""What keeps a model file from being read."""

from __future__ import annotations

from lstm_ref import LSTMError


class ModelFileError(LSTMError):
    """The file is none that can be read, or none that is safe to read: what, where, what is expected, what to do."""
