"""Errors of the reference: each message states the value, the expectation and what to do."""


class LSTMError(ValueError):
    """An argument does not describe a Keras LSTM."""


class ShapeError(LSTMError):
    """An array has the wrong number of axes or the wrong length along one."""


class DtypeError(LSTMError):
    """The dtype of an array or a compute dtype is not supported."""


class UnsupportedConfigError(LSTMError):
    """The reference does not model this configuration."""
