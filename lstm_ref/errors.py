"""Errors of the reference: each message says what was given, what is expected, and what to do."""


class LSTMError(ValueError):
    """The reference was asked for something that is not a Keras LSTM."""


class ShapeError(LSTMError):
    """An array has the wrong number of axes or the wrong length along one."""


class DtypeError(LSTMError):
    """An array's dtype cannot be computed with, or a compute dtype is not offered."""


class UnsupportedConfigError(LSTMError):
    """The configuration asks for something that the reference does not model."""
